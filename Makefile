PYTHON ?= python3
CORES ?= $(shell getconf _NPROCESSORS_ONLN)
BIN := .venv/bin
# Bytecode is kept, whatever this shell says: without it each of a study's hundreds of jobs compiles all that it imports, torch in 3 seconds.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: install demo autoscale chemistry toxcast test test-cluster lint docs bench clean

install: .venv/installed
# --no-compile: bytecode is made of what is imported, a small part of it
.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt --editable ".[demo,tabular,dev]"
	touch $@

demo: install
	$(BIN)/snakemake --cores $(CORES) --quiet rules
	$(BIN)/snakemake --report results/demo/report.html
	$(BIN)/mixwright show --summary results/demo/report/summary.json

autoscale: install
	for study in autoscale_minipile autoscale_minipile-masked; do $(BIN)/snakemake --cores $(CORES) --quiet rules --configfile config/studies/$$study.yaml && $(BIN)/mixwright show --summary results/$$study/report/summary.json || exit 1; done

chemistry: install
	$(BIN)/snakemake --cores $(CORES) --quiet rules --configfile config/studies/chemistry.yaml
	$(BIN)/python benchmarks/chemistry.py results/chemistry

toxcast: install
	for seed in 0 1 2; do $(BIN)/snakemake --cores $(CORES) --quiet rules --configfile config/studies/toxcast.yaml --config seed=$$seed study=toxcast-$$seed || exit 1; done
	$(BIN)/python benchmarks/chemistry.py results/toxcast-0 results/toxcast-1 results/toxcast-2

test: install lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(CORES) --dist loadscope --no-loadscope-reorder

# A Slurm of our own: as root it installs Debian's slurm-wlm, munge, slurmdbd and mariadb-server where they lack; nothing of it stays running.
test-cluster: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/cluster --durations 5

lint: install
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/snakefmt --check Snakefile workflow/rules && $(BIN)/mypy && $(BIN)/snakemake --lint

# the tables that are written from the schema and from the registry of mixers
docs: install
	$(BIN)/python -m mixwright.study.reference config/schema.yaml > config/README.md
	$(BIN)/python -m mixwright.mixers.table docs/mixers.md

bench: install
	$(BIN)/python benchmarks/parse.py
	$(BIN)/python benchmarks/mixers.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/designs.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/mixmin.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/scales.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/proxies.py
	$(BIN)/python benchmarks/proxies_gpu.py

clean:
	rm -rf results logs .snakemake
