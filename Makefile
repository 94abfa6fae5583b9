.DEFAULT_GOAL := help
.PHONY: help run test bench bench-micro

help: ## Lists the targets
	@grep -E '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/: .*## /\t/' | expand -t 14

run: ## Starts the gateway for development, with simulated providers; ARGS='--help' lists its options
	cargo run --locked -- dev $(ARGS)

test: ## Installs the programs that the tests start, then runs every test
	scripts/install-test-tools
	tests/sdk/install.sh
	tests/clients/install.sh
	tests/webrtc/install.sh
	scripts/test

bench: ## Measures the gateway beside its peers
	bench/run

bench-micro: ## Measures the pure parts: their time, and their instructions
	cargo bench --locked
	bench/instructions
