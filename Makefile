# Thin over `tape` and `pytest`; everything here also works without make.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup demo fast test test-full test-oldest wheel image test-vendor lint lock audit bench bench-38m bench-steady evaluate soak clean

setup: .venv/.ready .venv/.warm

.venv/.ready: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with PYTHON=python3.12")'
	@echo "installing into .venv: 1.4 GB, a minute and a half or more, without a word"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25'  # older ones resolve for minutes
	$(BIN)/python -m pip install --quiet -e '.[dev]'
	@touch $@

.venv/.warm: .venv/.ready $(wildcard tape/codec/*.py tape/detection/*.py tape/detection/*/*.py tape/market/day.py tape/model/*.py tape/*/*_kernel.py tape/*/*/*_kernel.py tape/archives/*_scanner.py)
	@echo "compiling the detector (about half a minute, if its sources are new)"
	$(BIN)/python -m tape.ops.warm_up
	@touch $@

demo: setup  # some shells leave the ~ to us
	$(BIN)/tape demo $(if $(PAGE),--page) $(if $(DATA),--data '$(patsubst ~/%,$(HOME)/%,$(DATA))')

ROOMS = model market process settings feeds kafka testing schemas test_imports.py test_words.py test_constants.py test_errors.py test_examples.py
fast: setup  # what needs no broker and compiles little: half a minute
	$(BIN)/pytest -n 2 --dist worksteal $(addprefix tests/unit/,$(ROOMS))

.venv/.kafka: .venv/.ready  # Kafka's classes as loaded once: the tests start a hundred brokers
	$(BIN)/python -m tape.kafka.local.class_cache
	@touch $@

WORKERS ?= 4
test: setup .venv/.kafka  # most of its time is waiting for brokers and apps, hence more workers than cores
	$(BIN)/pytest -n $(WORKERS) --dist worksteal --durations 12 --cov --cov-report=

test-full: setup
	$(BIN)/pytest -m 'full or not full'

wheel: .venv/.ready  # source distribution and wheel: built, installed where nothing else is, and tried
	$(BIN)/pytest -m full tests/unit/test_wheel.py --durations 5

image:  # the one image of all apps; BASE_IMAGE=... for another base
	docker build $(if $(BASE_IMAGE),--build-arg BASE_IMAGE='$(BASE_IMAGE)') -t tapewatch .

test-oldest: setup  # the forest against the oldest scikit-learn allowed
	$(BIN)/python -m pip install --quiet --no-deps --upgrade --target .oldest 'scikit-learn==1.5.0'
	PYTHONPATH=.oldest $(BIN)/pytest tests/unit/detection/test_detection_forest.py tests/unit/detection/test_detection_classic.py \
	  tests/unit/detection/test_without_scikit_learn.py

VENDOR = databento==0.87.0 databento-dbn==0.70.0 aiohttp aiohappyeyeballs aiosignal frozenlist multidict propcache yarl
.vendor/.ready: | setup  # DataBento's own client; it wants an older databento-dbn, hence apart
	$(BIN)/python -m pip install --quiet --no-deps --upgrade --target .vendor $(VENDOR)
	@touch $@

test-vendor: .vendor/.ready  # that client against the tests' server
	$(BIN)/pytest -m full tests/unit/archives/test_fetch_vendor.py

LOCK = --quiet pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

lock: setup  # what the image holds: the declared pins with all they need, and hashes
	$(BIN)/python -m pip install --quiet 'uv>=0.9,<1'
	$(BIN)/uv pip compile $(LOCK) --extra postgres --extra alerts --extra page --overrides image/left-out.txt -o image/requirements.txt
	$(BIN)/python ops/third_party.py

audit: setup  # known faults of what the image holds
	@if $(BIN)/python -c 'import socket; socket.getaddrinfo("api.osv.dev", 443)' 2>/dev/null; then \
	  $(BIN)/python -m pip install --quiet 'pip-audit>=2.9,<3' && \
	  $(BIN)/pip-audit -s osv --disable-pip -r image/requirements.txt; \
	else echo "not audited: api.osv.dev, which knows the faults, cannot be reached from here"; fi

bench: setup .vendor/.ready
	$(BIN)/python -m pip install --quiet -e '.[dev,bench]'
	$(BIN)/tape bench

bench-38m: setup
	$(BIN)/python -m benchmarks.machine.large

evaluate: setup  # profiles compared on synthetic days, and on real ones where they are at hand
	$(BIN)/python -m benchmarks.evaluation

MINUTES ?= 20
bench-steady: setup  # memory and lag at 50,000 trades a second
	$(BIN)/python -m benchmarks.machine.steady --minutes $(MINUTES)

FAULTS ?= 300
soak: setup
	FAULTS=$(FAULTS) $(BIN)/python -m tests.faults.soak

clean:
	rm -rf .venv .oldest .vendor out build *.egg-info
