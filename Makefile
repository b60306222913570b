# herald: `make help` lists the targets. Only Go, make and git are needed; the
# race detector also wants a C compiler.
GO      ?= go
DIR     ?= .testnet
DATA    ?= ../shared/data
FUZZFOR ?= 10s
TOOL     = $(GO) tool -modfile=scripts/tools.mod
HERALD   = bin/herald

export CGO_ENABLED ?= 0

# Where goroutines meet: the packages that the race detector watches in CI.
RACE = ./internal/ingest ./internal/store ./internal/index ./internal/feed ./internal/desk \
       ./internal/p2p ./internal/gossip ./internal/exchange ./internal/api ./node

.DEFAULT_GOAL := help
.PHONY: build test race lint proto fuzz mutate hostile bench quality tiers scale testnet testnet-down torture real help

build: ## build bin/herald
	$(GO) build -trimpath -o $(HERALD) ./cmd/herald

test: ## run all tests; no network but loopback
	$(GO) test -timeout 30m ./...

race: ## run the concurrent packages with the race detector
	CGO_ENABLED=1 HERALD_ROUNDS=4 $(GO) test -race -timeout 60m $(RACE)

lint: ## gofmt, vet, staticcheck, the import law
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "gofmt -w these files:"; echo "$$unformatted"; exit 1; }
	$(GO) vet ./...
	$(TOOL) staticcheck ./...
	$(GO) test ./internal/arch

proto: ## generate the code of every .proto
	cd proto && $(GO) tool -modfile=../scripts/tools.mod buf generate

fuzz: ## run each fuzz target for FUZZFOR (10s)
	FUZZFOR=$(FUZZFOR) scripts/fuzz.sh

mutate: ## take out one control at a time and show the test that goes red
	$(GO) run ./scripts/mutate

torture: ## power cuts, kills, rot, clocks, swarms, in the long form: hours (see RELIABILITY.md)
	HERALD_CUTS=10000 $(GO) test ./internal/torture -run 'Cuts' -v -timeout 6h
	HERALD_KILLS=1000 $(GO) test ./internal/torture -run TestKills -v -timeout 6h
	HERALD_READY=1000000 HERALD_READY_KILLS=100 $(GO) test ./internal/torture -run TestReadyAfterKill -v -timeout 6h
	HERALD_SWARMS=100 $(GO) test ./internal/torture -run TestSwarm -v -timeout 12h
	HERALD_FLIPS=250 $(GO) test ./internal/torture -run TestBitFlips -v -timeout 12h
	$(GO) test ./node -run TestClockJumps -count 20 -v

hostile: ## measure what hostile members do to honest ones; takes many minutes
	$(GO) test ./internal/hostile -v -timeout 60m -real -byzantine-nodes 30 -byzantine-for 60s

bench: build ## measure this machine against the targets
	$(HERALD) bench all

scale: ## networks of 20 to 200 nodes in virtual time, against the targets (half an hour of two cores)
	$(GO) test ./internal/sim -run TestScale -v -long -timeout 3h

testnet: build ## start five nodes here, take the tour, leave them running
	$(HERALD) testnet up --nodes 5 --dir $(DIR)
	$(HERALD) testnet tour --dir $(DIR)

testnet-down: build ## stop the nodes of `make testnet`
	$(HERALD) testnet down --dir $(DIR)

quality: ## measure matching on the labelled sets of ../shared/data, beside the targets; on invented persons without them
	$(GO) test ./internal/name -run TestEvaluatePairs -v
	$(GO) test ./internal/index -run 'TestQuality|TestEvaluate' -v

tiers: ## write the table of `herald screen --explain` from what is measured
	$(GO) test ./internal/index -run 'TestQuality$$' -update -v

real: build ## measure matching on the real lists of DATA, where present
	$(HERALD) testnet real --data $(DATA)

help: ## show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
