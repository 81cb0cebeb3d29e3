# Every target is a thin name for a script; the scripts say what they need and get it where they can.
# ARGS is handed on: make run ARGS='--set http.listen=0.0.0.0:9090'

.DEFAULT_GOAL := help
.PHONY: help run cluster dev test lint fmt bench fuzz web clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F '\t' '{ printf "make %-7s %s\n", $$1, $$2 }'

run: ## install what is missing, build, start everything with a demo stream
	@scripts/run.sh $(ARGS)

cluster: ## the same as a cluster on this machine: Redis, origins, edges, a dispatcher, and a page that shows them
	@scripts/cluster.sh $(ARGS)

dev: ## debug build beside a watching page build, to work on weir itself
	@scripts/dev.sh $(ARGS)

test: ## every test there is, with real players and browsers
	@scripts/test.sh $(ARGS)

lint: ## format, clippy, house rules, licences, shell, page types
	@scripts/lint.sh

fmt: ## format the Rust sources
	@cargo fmt --all

bench: ## measure, beside the floor and the neighbours
	@scripts/bench.sh $(ARGS)

fuzz: ## run each fuzz target for TIME seconds (60)
	@scripts/fuzz.sh $(ARGS)

web: ## build the pages into web/dist
	@scripts/web.sh

clean: ## remove everything built (not the data folder)
	@scripts/clean.sh
