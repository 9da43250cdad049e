# salon. "make run" starts a node with its page; "make test" checks everything. Both install what is missing first.

# One set of build flags for everything: other flags compile all of libp2p once more (about a minute each time).
# nolibopusfile: the Opus binding then needs libopus alone. A preset GOFLAGS keeps its other flags.
export GOFLAGS := $(strip $(filter-out -buildvcs=% -tags=%,$(GOFLAGS)) -buildvcs=false -tags=nolibopusfile)

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unreleased)
LDFLAGS ?= -X main.version=$(VERSION)

ARGS     ?=# make run ARGS='--name Ana --no-open'
FUZZTIME ?= 10s# for each fuzz target
TIMEOUT  ?= 20m# for the tests of one package
PARALLEL ?= 3# tests of one package that may run at once, of those that mostly wait
NODES    ?= 4# the same of node's own, which wait most of all
APART    ?= 5# the same of those that run salon as people do
BENCH    ?= bin/bench -salon bin/salon# BENCH='bin/bench -only delay,join'; single functions: go test -bench

# Packages whose tests hear sound, in real time: one after the other, with nothing beside them. PROCESSES run salon as people do,
# in processes of its own without the race detector, so that it would watch the test alone.
NODE      = ./node
PROCESSES = ./node/browser ./node/integration

# Tests of NODE that the race detector would only slow down: they skip with it.
UNRACED = ^(TestFullRoom|TestDirectory.*|TestSafe.*|TestCrewAllocatesNothing)$$

# Packages that compute and start no goroutine (TestNoGoroutines holds them to it): the race detector has nothing to find in them,
# and makes them take ten times as long. They are tested without it, and those of PURE without a C compiler.
STILL = ./ledger/doc ./relay ./room ./room/mix ./room/seal ./node/heard ./node/sim

# All others: some compute and some wait, three at a time.
CALM = $$($(GO) list ./... | grep -vxF "$$($(GO) list $(NODE) $(PROCESSES) $(STILL))")

# What needs no C compiler: all that is below node, but the one cgo package, and the simulator of it.
PURE = $$($(GO) list ./ledger/... ./room/... ./relay/... ./node/sim | grep -v '/room/opus$$')

.PHONY: build run test test-lightning quick bench soak fuzz page clean help \
	check-format check-vet check-staticcheck check-page check-types check-vulnerabilities \
	test-pure test-still test-calm test-nodes test-unraced test-processes
.NOTPARALLEL:

build: ## bin/salon
	@.ci/install run
	@.ci/build -ldflags '$(LDFLAGS)' -o bin/salon ./cmd/salon

run: build ## a node, and its page in the browser (ARGS='--name Ana')
	@exec bin/salon up $(ARGS)

test: ## everything: format, vet, staticcheck, page, types, all tests, with the race detector where goroutines are (up to 25 minutes)
	@.ci/install test
	@$(MAKE) --no-print-directory --keep-going check-format check-vet check-staticcheck check-page check-types \
		check-vulnerabilities test-pure test-still test-calm test-nodes test-unraced test-processes
	@echo '== all checks passed'

# .ci/lightning says why if there is nothing to test with; the tests then skip.
test-lightning: ## tickets paid by Lightning: btcd and lnd on loopback, built once into the user's cache (5 minutes the first time)
	@.ci/install run
	@SALON_LIGHTNING="$$(.ci/lightning)" $(GO) test -count=1 -p=1 -v -timeout=10m -tags=nolibopusfile,lnd -run='^Test(Lightning|RealLnd.*)$$' ./node/market ./node/integration

# Six at a time: they mostly wait, and take little without the race detector.
quick: ## go test -short: no browser, nothing long (under 3 minutes)
	@.ci/install run
	$(GO) test -short -timeout=5m -parallel=6 ./...

bench: build ## costs and delays beside their aims, about 5 minutes (BENCH='command' for others)
	@.ci/build -o bin/bench ./cmd/bench
	$(BENCH)
	@echo 'click: click on a room to its first sound in Chromium, beside the aim of 400 ms (11 rounds; skipped without Chromium)'
	@$(GO) test -run='^$$' -bench=ClickToSound -benchtime=11x ./node/browser
	@echo 'sale: order to ticket by each rail, beside IOU; of Lightning without what a network of channels takes (11 rounds of 10)'
	@$(GO) test -run='^$$' -bench=OrderToTicket -benchtime=11x ./node/market

soak: ## rooms at full length: ten minutes of real nodes; simulated, 10,000 peers, 10,000 rooms with liars, two virtual hours; 100 rushes for tickets, 100,000 orders that nobody pays (over an hour)
	@.ci/install run
	SALON_SOAK=1 $(GO) test -count=1 -v -timeout=30m -run='^TestNothingGrows$$' ./node/integration
	SALON_SOAK=1 $(GO) test -count=1 -v -timeout=2h ./node/sim
	SALON_SOAK=1 $(GO) test -count=1 -v -timeout=1h -run='^(TestRushInParallel|TestRushAtThreeSellers|TestFloodOfOrders|TestOrdersThatAreNeverPaid)$$' ./ledger ./node/market

fuzz: ## every fuzz target for FUZZTIME
	@.ci/install run
	@.ci/fuzz $(FUZZTIME)

page: ## bundles node/web/page into node/web/dist, which is committed
	node/web/page/build.sh

clean: ## what was built here; not Go's caches
	rm -rf bin node/web/page/node_modules

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' Makefile

check-format:
	@echo '== gofmt'
	@found=$$(gofmt -l cmd node room relay ledger) && test -z "$$found" || { echo "not gofmt-ed:"; echo "$$found"; exit 1; }

check-vet:
	@echo '== go vet'
	@$(GO) vet ./...
	@$(GO) vet -tags=nolibopusfile,lnd ./node/market/... ./node/integration

check-staticcheck:
	@echo '== staticcheck'
	@$(GO) tool staticcheck ./...

check-page:
	@echo '== page bundle'
	@.ci/page-check

check-types:
	@echo '== tsc'
	@.ci/types

check-vulnerabilities:
	@echo '== govulncheck'
	@.ci/vulnerabilities

test-pure:
	@echo '== without cgo'
	@CGO_ENABLED=0 $(GO) build $(PURE)
	@CGO_ENABLED=0 $(GO) test -vet=off -timeout=$(TIMEOUT) $(PURE)

# That of STILL which is not in PURE.
test-still:
	@echo '== what only computes'
	@$(GO) test -vet=off -timeout=$(TIMEOUT) ./node/heard

# vet=off: check-vet has looked at everything, and more closely.
test-calm:
	@echo '== tests that need no quiet, race detector on'
	$(GO) test -race -vet=off -count=1 -p=3 -parallel=$(PARALLEL) -timeout=$(TIMEOUT) $(CALM)

# Tests with real sound measure gaps and delays: one package at a time, and no compiler beside them. -count=1: a cached result
# says nothing about those.
test-nodes:
	@echo '== tests of nodes, race detector on'
	$(GO) test -race -vet=off -count=1 -parallel=$(NODES) -timeout=$(TIMEOUT) $(NODE)

test-unraced:
	@echo '== a full room, and tests of nodes that only compute, race detector off'
	$(GO) test -vet=off -count=1 -timeout=$(TIMEOUT) -run='$(UNRACED)' $(NODE)

test-processes:
	@echo '== tests of whole processes'
	$(GO) test -vet=off -count=1 -p=1 -parallel=$(APART) -timeout=$(TIMEOUT) $(PROCESSES)
