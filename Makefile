PYTHON ?= python3
CORES ?= $(shell getconf _NPROCESSORS_ONLN)
BIN := .venv/bin

.PHONY: install demo test lint bench clean

install: .venv/installed
.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --editable ".[demo,tabular,dev]"
	touch $@

demo: install
	$(BIN)/snakemake --cores $(CORES) --quiet rules
	$(BIN)/snakemake --report results/demo/report.html
	$(BIN)/mixwright show --summary results/demo/report/summary.json

test: install lint
	$(BIN)/python -m pytest

lint: install
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/snakefmt --check Snakefile workflow/rules && $(BIN)/mypy && $(BIN)/snakemake --lint

bench: install
	$(BIN)/python benchmarks/parse.py
	$(BIN)/python benchmarks/mixers.py
	$(BIN)/python benchmarks/few_proxies.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/mixmin.py

clean:
	rm -rf results logs .snakemake
