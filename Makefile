# Verbs only, one line each. `make` alone lists them. Nothing needs to be installed but Python 3.11+ and make.
PYTHON ?= python3
RUN := .venv/bin/python -m
.DEFAULT_GOAL := help
.PHONY: help setup examples watch progress update simulate service drill doctor test coverage bench lint fix notebooks jupyter infra-up infra-down clean ready lock fingerprints

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST) | sed 's/%/N/'

setup: ## install everything into .venv (once)
	@$(PYTHON) src/workshop/bootstrap.py

ready:
	@$(PYTHON) src/workshop/bootstrap.py --quiet

examples: ready ## run every example on a real, embedded Valkey
	@$(RUN) workshop examples

example-%: ready ## run example N
	@$(RUN) workshop example $*

exercise-%: ready ## grade your solution of exercise N
	@$(RUN) workshop exercise $*

watch: ready ## grade again on every save
	@$(RUN) workshop watch

progress: ready ## show what is done, and what comes next
	@$(RUN) workshop progress

hint-%: ready ## show the next hint for exercise N
	@$(RUN) workshop hint $*

solution-%: ready ## show one good solution of exercise N (a diff to yours once done)
	@$(RUN) workshop solution $*

reset-%: ready ## put exercise N back as it was (reset-all: every one); yours is kept
	@$(RUN) workshop $(if $(filter all,$*),reset-all,reset $*)

update: ready ## fetch the newer workshop; your exercises stay as they are
	@$(RUN) workshop update

simulate: ready ## which eviction policy suits your keys: TRACE=keys.txt (one a line) CAPACITY=1000
	@$(RUN) workshop simulate '$(TRACE)' '$(CAPACITY)'

service: ready ## run the users service on http://127.0.0.1:8000 (PORT=... for another), with its API page
	@SERVICE_SECURE_COOKIES=false $(RUN) valkey_redis.examples.service

drill: ready ## fifty users of that service, while its server is killed, paused, slowed and filled
	@$(RUN) benchmarks.outage_drill

doctor: ready ## look at everything that is needed, and say how to mend it
	@$(RUN) workshop doctor

test: ready ## run the project's own tests
	@$(RUN) tests.support.compiling && $(RUN) pytest -n 4 --dist worksteal

coverage: ready ## the same, with the lines that no test reaches
	@$(RUN) pytest -n 4 --dist worksteal --cov --cov-report=term-missing:skip-covered

bench: ready ## measure all that can be measured beside the drivers and the peers, which go to .venv-bench (minutes)
	@$(RUN) uv pip install --quiet --target .venv-bench --constraints requirements.lock --group bench && for name in cache sessions limits locks accuracy eviction observability; do PYTHONPATH=.venv-bench $(RUN) benchmarks.bench_$$name || exit 1; done

lint: ready ## ruff, formatting, mypy --strict
	@$(RUN) ruff check && $(RUN) ruff format --check && $(RUN) mypy

fix: ready ## mend what ruff can mend
	@$(RUN) ruff check --fix && $(RUN) ruff format

notebooks: ready ## run every notebook anew and keep its outputs
	@$(RUN) workshop notebooks

jupyter: ready ## open the notebooks in JupyterLab
	@$(RUN) jupyter lab notebooks

infra-up: ready ## start a server on 127.0.0.1:6379 (Docker's, else the embedded one)
	@$(RUN) workshop infra-up

infra-down: ready ## stop it
	@$(RUN) workshop infra-down

fingerprints: ready ## compute the known mistakes' fingerprints anew (fingerprints-N: of one exercise)
	@$(RUN) workshop fingerprints

fingerprints-%: ready
	@$(RUN) workshop fingerprints $*

lock: ready ## renew requirements.lock
	@$(RUN) uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --all-extras --no-emit-index-url pyproject.toml -o requirements.lock

clean: ## remove what setup and the tools made; your exercises stay
	@rm -rf .venv .venv-bench .mypy_cache .ruff_cache .hypothesis .coverage .coverage.* htmlcov .workshop
