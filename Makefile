# The course's commands. `make` alone lists them. Each one first brings .venv up to date with requirements.txt.
#   PYTHON=python3.12   which Python makes .venv (3.11 or newer; requirements.txt was written for 3.11)
#   WORKERS=4           how many processes the tests use
#   LAB=--no-browser    options for JupyterLab (as root, in a container: LAB=--allow-root)

PYTHON ?= python3
WORKERS ?= 2

VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/up-to-date

PYTEST := $(PY) -m pytest -n $(WORKERS) --dist loadscope
NBVAL := --nbval --nbval-current-env --nbval-sanitize-with tests/sanitize.cfg --nbval-cell-timeout=120

# Small recurrent loops on several threads are many times slower than on one when the machine is busy, and the
# exercises' numbers are the book's own, not the reader's.
test test-slow execute: export OMP_NUM_THREADS = 1
test test-slow execute: export RNNCOURSE_READER = book

.PHONY: help book execute test test-slow test-all site-test lab bench lint clean distclean

help:  ## this list
	@echo "make TARGET, where TARGET is one of"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s%s\n", $$1, $$2 }' Makefile

# Scripts in .venv name the folder they lie in: after a move all is installed anew.
ifneq ($(shell cat $(STAMP) 2> /dev/null),$(CURDIR))
.PHONY: moved
$(STAMP): moved
moved:
endif

# The stamp is written last: an interrupted installation is taken up again by the next command.
$(STAMP): requirements.txt pyproject.toml
	@echo "Installing the course's environment into $(VENV): minutes, once."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "The course needs Python 3.11 or newer, and '$(PYTHON)' is not. Name another: make PYTHON=python3.12 ..." >&2; \
	  exit 1; }
	@rm -f $(STAMP)
	@version='import sys; print("%d.%d" % sys.version_info[:2])'; \
	wanted=$$($(PYTHON) -c "$$version" 2>&1); \
	found=$$($(PY) -c "import pip; $$version" 2>&1); \
	{ test "$$wanted" = "$$found" && grep -qsF '$(CURDIR)/$(VENV)' $(VENV)/bin/activate; } \
	  || $(PYTHON) -m venv --clear $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@echo '$(CURDIR)' > $(STAMP)

book: $(STAMP)  ## build the site into _build/html; warnings are errors
	$(VENV)/bin/jupyter-book build . --all -W --keep-going
	@echo "Open _build/html/index.html"

execute: $(STAMP)  ## run every notebook and store its outputs in place
	$(PY) tools/execute.py

test: $(STAMP)  ## unit tests, doctests, every notebook against its stored outputs
	$(PYTEST) -m "not slow and not gpu and not site" --doctest-modules $(NBVAL) --durations=20 \
	  tests rnncourse chapters

test-slow: $(STAMP)  ## only what test-all adds: the wheel in a clean environment, long tests
	$(PYTEST) -m "slow and not gpu and not site" --durations=20 tests

test-all: test test-slow  ## everything that needs no GPU and no browser

site-test: book  ## open the built site in headless Chromium
	$(PY) -m pytest -m site --durations=10 tests/site

lab: $(STAMP)  ## open the chapters in JupyterLab
	$(PY) -m jupyter lab --notebook-dir=chapters $(LAB)

bench: $(STAMP)  ## time the NumPy reference beside PyTorch on this machine
	@mkdir -p _build
	$(PY) -m rnncourse bench reference --output _build/bench_reference.json

lint: $(STAMP)  ## ruff and spelling, notebooks too
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m codespell_lib .

clean:  ## remove what was built, keep .venv
	rm -rf _build dist .pytest_cache .hypothesis .ruff_cache
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +

distclean: clean  ## remove .venv too
	rm -rf $(VENV)
