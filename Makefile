# The commands that people and CI use; `make help` lists them.
SHELL := /bin/bash
.ONESHELL:
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

WASL_HOME ?= .wasl
PROFILE ?= release
DENY_VERSION := 0.20.2

# What the tests drive for real. As root they are installed; otherwise the tests that need one say so.
TEST_PACKAGES := iproute2 nftables snmp snmpd restic util-linux python3 faketime

.PHONY: help run build lint fuzz test soak bench deny deb test-deb musl

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-8s %s\n", $$1, $$2 }'

build: ## Compile the controller, the agent and its root helper
	@cargo build --quiet -p wasl -p wasl-agent -p wasl-helper

run: build ## Start everything for this very machine and print the page's address
	@exec target/debug/wasl up --home "$(WASL_HOME)"

lint: ## Formatting, clippy without a warning, licences and sources of dependencies
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --quiet
	@command -v cargo-deny >/dev/null || cargo install --locked cargo-deny@$(DENY_VERSION)
	cargo deny --log-level error check licenses bans sources
	packaging/test-units.sh

test: build ## Everything; `make test T=name` runs the tests of that name
	@mkdir -p target && : > target/test-skips.txt
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && ! dpkg -s $(TEST_PACKAGES) >/dev/null 2>&1; then
		apt-get update -qq
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(TEST_PACKAGES) >/dev/null
	fi
	export WASL_TEST_SKIPS="$$PWD/target/test-skips.txt" WASL_BIN_DIR="$$PWD/target/debug"
	if command -v cargo-nextest >/dev/null; then
		cargo nextest run --workspace --locked $(if $(T),$(T),)
	else
		cargo test --workspace --locked $(if $(T),-- $(T),)
	fi
	@if [ -s target/test-skips.txt ]; then
		echo; echo "Skipped (target/test-skips.txt):"; sort -u target/test-skips.txt | sed 's/^/  /'
	fi

soak: build ## Kill agents and controller at random, 200 times; `make soak KILLS=n SEED=n` says otherwise
	@export WASL_BIN_DIR="$$PWD/target/debug" WASL_SOAK_KILLS="$(if $(KILLS),$(KILLS),200)"
	$(if $(SEED),export WASL_SOAK_SEED="$(SEED)",)
	cargo nextest run --profile soak -p wasl-tests --locked delivery::soak

fuzz: ## Fuzz every reader of foreign bytes; `make fuzz SECONDS_=60 TARGET=name`
	fuzz/run.sh $(or $(SECONDS_),30) $(TARGET)

bench: ## Measure against the peers; `make bench BENCH=name` runs one
	@for program in wasl-agent wasl wasl-bench; do cargo build --release --quiet --locked -p $$program; done
	env $(SMALL) cargo build --release --quiet --locked -p wasl-lab-agent
	@for script in bench/$(if $(BENCH),$(BENCH),*).sh; do echo "== $$script"; bash "$$script"; done

# Each program by itself, so that none gets the features of another's dependencies.
PROGRAMS := wasl-agent wasl-lab-agent wasl-helper wasl
# What each seat has is small rather than fast: 3.6 MB instead of 5.2 MB, for work that takes no time.
SMALL := CARGO_PROFILE_RELEASE_OPT_LEVEL=s CARGO_PROFILE_RELEASE_LTO=fat
BUILT = target/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))

deb: ## The .deb packages, in target/deb; `make deb PROFILE=dev` is quick, for trying
	@for program in $(PROGRAMS); do
		case $$program in wasl-lab-agent | wasl-helper) size="$(SMALL)" ;; *) size= ;; esac
		env $$size cargo build --quiet --locked --profile "$(PROFILE)" -p $$program
	done
	cargo run --quiet --locked -p wasl-manual -- target/manual
	rm -rf target/deb target/deb-next
	BIN_DIR="$(BUILT)" packaging/build-deb.sh
	@if command -v lintian >/dev/null; then
		lintian --allow-root --fail-on error target/deb/*.deb
	fi

test-deb: deb ## Install, upgrade, remove and purge the packages in a clean Debian
	@version=$$(dpkg-deb -f target/deb/wasl_*.deb Version)
	BIN_DIR="$(BUILT)" OUT=target/deb-next VERSION="$$version+next" packaging/build-deb.sh >/dev/null
	packaging/test-deb.sh

musl: ## Static programs for x86-64 and aarch64, in target/*-linux-musl
	PROFILE="$(PROFILE)" SMALL="$(SMALL)" packaging/musl.sh
