#!/bin/sh
# Makes host.opus and guest.opus again. Needs Debian's festival, festvox-us-slt-hts, flite, sox and opus-tools.
# With the same versions of these the result is the same, byte for byte.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat >"$work/host.txt" <<'TEXT'
Hello, and welcome. You are listening to another salon node, which has just been started on this machine, and speaks
to yours. Every piece of sound is sealed and signed before it leaves that node, and your node checks the signature
before you hear it. There is no server, and no company in between. In a moment, a guest will raise a hand.
TEXT
cat >"$work/guest.txt" <<'TEXT'
Hello everyone! I raised my hand, the host said yes, and now you can hear me too. Thank you!
TEXT

text2wave -eval '(voice_cmu_us_slt_arctic_hts)' "$work/host.txt" -o "$work/host.said.wav"
flite -voice rms --setf duration_stretch=0.92 -f "$work/guest.txt" -o "$work/guest.said.wav"

for name in host guest; do
	# Trim the synthesiser's own silence, take rumble and the sharpest of the sibilants away, go to 48 kHz, and put
	# a short silence at both ends so that a loop breathes.
	sox -R "$work/$name.said.wav" -r 48000 -b 24 "$work/$name.48k.wav" \
		gain -6 highpass 70 treble -2 8k silence 1 0.01 0.5% fade t 0.01 reverse \
		silence 1 0.01 0.5% fade t 0.03 reverse pad 0.3 0.6
	rms=$(sox "$work/$name.48k.wav" -n stats 2>&1 | awk '/^RMS lev dB/ { print $4 }')
	gain=$(awk -v rms="$rms" 'BEGIN { printf "%.2f", -20 - rms }') # -20 dBFS RMS over the whole; no limiter is needed
	sox -R "$work/$name.48k.wav" -b 16 "$work/$name.wav" gain "$gain"
	opusenc --quiet --speech --bitrate 32 --framesize 20 --comp 10 --serial 1 \
		--discard-comments --title "salon demo: $name" --comment "LICENSE=CC0-1.0" "$work/$name.wav" "$name.opus"
done
