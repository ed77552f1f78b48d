# The commands of this repository. `make help` lists them.

CARGO ?= cargo
EXAMPLE ?= examples/hello.yaml

.DEFAULT_GOAL := help
.PHONY: help build run test lint gen bench soak tools

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

tools: ## Install what run and test need: bubblewrap, ripgrep, kubectl
	@hack/install-tools

build: ## Build the product (target/release/kubeopencode)
	@$(CARGO) build --locked --release -p kubeopencode

run: tools build ## Run examples/hello.yaml with the real OpenCode, no cluster needed
	@target/release/kubeopencode run $(EXAMPLE)

test: ## Formatting, lints, generated files, licences and all tests
	@hack/test

lint: ## Formatting, clippy, house rules
	@$(CARGO) fmt --all --check
	@$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	@$(CARGO) run --locked -q -p xtask -- tidy

gen: ## Generate deploy/crds from the Rust types
	@$(CARGO) run --locked -q -p xtask -- gen

bench: ## Start-up, memory, latency and throughput of the embedded mode
	@$(CARGO) run --locked -q --release -p koc-testkit --bin bench

soak: ## Long random runs that CI leaves out
	@KUBEOPENCODE_SOAK=1 $(CARGO) test --locked --release -p koc-testkit --test soak -- --nocapture
