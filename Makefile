# The commands of this repository. `make help` lists them.

SHELL := /bin/bash
CARGO ?= cargo
EXAMPLE ?= examples/hello.yaml
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)

.DEFAULT_GOAL := help
.PHONY: help build run test lint gen bench soak faults tools

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

tools: ## Install what run and test need: bubblewrap, ripgrep, kubectl
	@hack/install-tools

build: ## Build the product (target/release/kubeopencode)
	@$(CARGO) build --locked --release -p kubeopencode

run: tools build ## Run examples/hello.yaml with the real OpenCode, no cluster needed
	@$(TARGET_DIR)/release/kubeopencode run $(EXAMPLE)

test: ## Formatting, lints, generated files, licences and all tests
	@hack/test

lint: ## Formatting, clippy, house rules
	@$(CARGO) fmt --all --check
	@$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	@$(CARGO) run --locked -q -p xtask -- tidy

gen: ## Generate deploy/crds from the Rust types
	@$(CARGO) run --locked -q -p xtask -- gen

bench: build ## Start-up, memory, latency and throughput of the embedded mode
	@$(CARGO) run --locked -q --release -p koc-testkit --bin bench

SOAK_ROUNDS ?= 20
soak: ## Kill the product at random points, again and again (SOAK_ROUNDS=20)
	@for round in $$(seq $(SOAK_ROUNDS)); do \
	  echo "round $$round"; KUBEOPENCODE_TEST_SEED=$$RANDOM$$round $(CARGO) test --locked -q -p kubeopencode --test program crash -- --nocapture || exit 1; \
	done

faults: ## 1,000 seeded runs with faults of the API server (KUBEOPENCODE_FAULT_RUNS, KUBEOPENCODE_TEST_SEED)
	@$(CARGO) test --locked -p koc-controller --test resilience tasks_end -- --ignored --nocapture
