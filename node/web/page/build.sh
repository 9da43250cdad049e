#!/bin/sh
# Bundles the page into ../dist and the guests' page into ../guest/dist, which are committed, so that "go build" alone gives a node with its page.
# Needs only Go: esbuild is a tool of this module, Preact is in vendor/.
set -eu
cd "$(dirname "$0")"
go tool esbuild src/main.tsx --outfile=../dist/app.js --bundle --minify --format=esm --target=es2022 \
	--jsx=automatic --jsx-import-source=preact --loader:.svg=dataurl --charset=utf8 --legal-comments=none \
	--banner:js="/* Includes Preact, (c) Jason Miller, MIT: see licence-preact.txt; Twemoji graphics, CC BY 4.0: see licence-twemoji.txt */" --log-level=warning
go tool esbuild src/sound/worklet.ts src/sound/codec.ts --outdir=../dist --bundle --minify --format=esm --target=es2022 --log-level=warning
go tool esbuild src/guest/main.tsx --outfile=../guest/dist/guest.js --bundle --minify --format=esm --target=es2022 \
	--jsx=automatic --jsx-import-source=preact --charset=utf8 --legal-comments=none \
	--banner:js="/* Includes Preact, (c) Jason Miller, MIT: see licence-preact.txt */" --log-level=warning
go tool esbuild style/guest.css --outfile=../guest/dist/guest.css --bundle --minify --log-level=warning
cp guest.html icon.svg ../guest/dist/
cp vendor/preact/LICENSE ../guest/dist/licence-preact.txt
go tool esbuild style/index.css --outfile=../dist/app.css --bundle --minify --log-level=warning
cp index.html icon.svg ../dist/
cp vendor/preact/LICENSE ../dist/licence-preact.txt
cp vendor/twemoji/LICENSE ../dist/licence-twemoji.txt
