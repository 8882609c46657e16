# Everything a user or a developer runs. Each target sets up .venv from the hashed lock by itself.
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
LOCK ?= requirements-dev.txt
SOURCE ?= winnow-example
ROOT ?= winnow-root
BUDGET ?= $(if $(filter winnow-example,$(SOURCE)),80,500)
ORACLE := $(if $(filter winnow-example,$(SOURCE)),--set labels.backend=oracle --set labels.oracle.file=winnow-example/labels.csv --set learn.test_share=0.2 --set learn.test_budget_share=0.2 --set learn.min_labels=40)
ROUNDS := $(if $(filter winnow-example,$(SOURCE)),1 2,1)
BIN := .venv/bin
READY := .venv/ready-$(LOCK)

.DEFAULT_GOAL := help
.PHONY: help setup run up down logs test check lock bench label-studio clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'
	@echo
	@echo "  SOURCE=folder   what 'make run' curates   (default: $(SOURCE), written from sample photographs)"
	@echo "  ROOT=folder     where the dataset is kept  (default: $(ROOT))"
	@echo "  BUDGET=number   samples to select, or a share as 10%  (default: $(BUDGET))"
	@echo "  LOCK=file       which lock to install      (default: $(LOCK); requirements-gpu.txt has faiss for GPUs)"

setup: $(READY) ## make .venv with exactly the locked, hashed packages

$(READY): $(LOCK) requirements-uv.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.txt
	VIRTUAL_ENV=.venv $(BIN)/uv pip sync --quiet --require-hashes $(LOCK) requirements-uv.txt
	VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

run: $(READY) ## curate SOURCE into ROOT; the example goes round twice, its labels.csv in place of annotators
	@if [ "$(SOURCE)" = winnow-example ]; then $(BIN)/winnow example winnow-example; fi
	@for round in $(ROUNDS); do \
	    echo "$(BIN)/winnow run $(SOURCE) --root $(ROOT) --budget $(BUDGET) $(ORACLE)"; \
	    $(BIN)/winnow run "$(SOURCE)" --root "$(ROOT)" --budget "$(BUDGET)" $(ORACLE) || exit $$?; \
	done

up: $(READY) $(if $(LABEL_STUDIO),.venv-label-studio/ready) ## keep Prefect, MLflow, worker and listener running (CONFIG=winnow.yaml, LABEL_STUDIO=1)
	$(BIN)/winnow up $(SERVED) $(if $(LABEL_STUDIO),--set service.label_studio=true)

down: $(READY) ## end what 'make up' started
	$(BIN)/winnow down $(SERVED)

logs: $(READY) ## the last lines of their logs (FOLLOW=1: go on until Ctrl-C)
	$(BIN)/winnow logs $(SERVED) $(if $(FOLLOW),--follow)

SERVED = $(if $(CONFIG),--config "$(CONFIG)")

test: $(READY) ## run the tests (WINNOW_TEST_DATA=folder of real files; default ../shared/data)
	$(BIN)/python -m pytest -m "not slow" --numprocesses $(TESTERS) --maxprocesses 5 --dist loadfile --no-loadscope-reorder

# One more than there are processors: tests wait for servers that start.
TESTERS = $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

check: $(READY) ## lint, formatting, types, and what infra/ says to Docker, AWS and Kubernetes
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/hadolint infra/Dockerfile
	$(BIN)/cfn-lint infra/aws.yaml
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec infra/compose.yaml
	$(BIN)/check-jsonschema --schemafile tests/infra/worker.schema.json infra/worker.yaml

bench: $(READY) .venv-bench/ready ## the slow checks and the benchmarks: ratios against limits and peers
	$(BIN)/python -m pytest -m slow
	$(BIN)/python -m tests.benchmarks

.venv-bench/ready: requirements-bench.txt | $(READY)
	test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	VIRTUAL_ENV=.venv-bench $(BIN)/uv pip sync --quiet --require-hashes requirements-bench.txt
	touch $@

label-studio: .venv-label-studio/ready ## serve a Label Studio of your own for ROOT on 127.0.0.1 (PORT=8080) until Ctrl-C
	@PORT="$(PORT)" ROOT="$(ROOT)" infra/label-studio

.venv-label-studio/ready: requirements-label-studio.txt | $(READY)
	test -x .venv-label-studio/bin/python || $(PYTHON) -m venv .venv-label-studio
	VIRTUAL_ENV=.venv-label-studio $(BIN)/uv pip sync --quiet --require-hashes requirements-label-studio.txt
	touch $@

lock: requirements-uv.txt ## renew the hashed locks from the ranges in pyproject.toml
	test -x $(BIN)/uv || { $(PYTHON) -m venv .venv && $(BIN)/python -m pip install --quiet --require-hashes -r requirements-uv.txt; }
	$(COMPILE) --extra cpu pyproject.toml --output-file requirements.txt
	$(COMPILE) --extra gpu --constraint requirements.txt pyproject.toml --output-file requirements-gpu.txt
	$(COMPILE) --extra cpu --extra openvino --extra wandb --extra dev --constraint requirements.txt pyproject.toml --output-file requirements-dev.txt
	printf 'cleanvision\nimagededup\n' | $(COMPILE) --constraint requirements.txt - --output-file requirements-bench.txt
	echo 'label-studio>=1.23,<2' | $(COMPILE) - --output-file requirements-label-studio.txt
	echo uv | $(COMPILE) - --output-file requirements-uv.txt

COMPILE = $(BIN)/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock"

clean: ## remove environments, caches, the example and its dataset
	rm -rf .venv .venv-bench .venv-label-studio build *.egg-info .mypy_cache .ruff_cache .pytest_cache winnow-example winnow-root
