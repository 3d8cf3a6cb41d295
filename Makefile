PYTHON ?= python3
CORES ?= $(shell getconf _NPROCESSORS_ONLN)
BIN := .venv/bin
SNAKEMAKE := $(BIN)/snakemake --cores $(CORES) --quiet rules
# Bytecode is kept, whatever this shell says. Without it each of a study's hundreds of jobs compiles
# all that it imports; for torch that takes 3 seconds.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help install demo autoscale chemistry toxcast browser kernels test test-papers test-cluster test-trainers lint docs bench gpu-check clean clean-store

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-14s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: .venv/installed ## make the virtual environment .venv
# --no-compile: Python makes bytecode of what is imported, which is a small part of it.
.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile \
		-c constraints.txt --editable ".[demo,tabular,dev]"
	touch $@

demo: install ## run the demo study on the embedded corpus: 2 cores, minutes
	$(SNAKEMAKE)
	$(BIN)/snakemake --report results/demo/report.html
	$(BIN)/mixwright show --summary results/demo/report/summary.json

autoscale: install ## AutoScale at a small size, causal and masked: 60 CPU-minutes
	for study in autoscale_minipile autoscale_minipile-masked; do \
		$(SNAKEMAKE) --configfile config/studies/$$study.yaml || exit 1; \
		$(BIN)/mixwright show --summary results/$$study/report/summary.json || exit 1; \
	done

chemistry: install ## mix assays of Tox21: 5 minutes on 2 cores
	$(SNAKEMAKE) --configfile config/studies/chemistry.yaml
	$(BIN)/python benchmarks/chemistry.py results/chemistry

toxcast: install ## mix assays of ToxCast, three splits: 7 CPU-minutes each
	for seed in 0 1 2; do \
		$(SNAKEMAKE) --configfile config/studies/toxcast.yaml \
			--config seed=$$seed study=toxcast-$$seed || exit 1; \
	done
	$(BIN)/python benchmarks/chemistry.py results/toxcast-0 results/toxcast-1 results/toxcast-2

# Tests of pages open them in Chromium. Neither `make install` nor `make demo` needs it.
# Where it cannot be installed, here one line says so, and these tests skip.
browser: .venv/browser ## what tests of pages need: playwright and, as root, Debian's chromium
	@$(BIN)/python tests/support/chromium.py
.venv/browser: .venv/installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile \
		-c constraints.txt --editable ".[browser]" && touch $@ \
		|| echo "tests of pages will skip: pip could not install playwright"

# CUDA builds of torch bring Triton; the CPU's do not. Its interpreter needs no GPU.
kernels: .venv/kernels ## what tests of GPU kernels need: Triton, whose interpreter runs them here
.venv/kernels: .venv/installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile \
		-c constraints.txt --editable ".[kernels]" && touch $@ \
		|| echo "tests of GPU kernels will skip: pip could not install triton"

test: install browser kernels lint ## lint, then all tests but those of cluster, papers, trainers
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(CORES) \
		--dist loadscope --no-loadscope-reorder -m "not papers"

test-papers: install ## run the papers' experiments whole, on made-up text: 6 minutes
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/workflow/test_papers.py -m papers

# As root it installs Debian's slurm-wlm, munge, slurmdbd and mariadb-server where they are missing.
# None of them runs afterwards.
test-cluster: install ## run studies through a temporary Slurm
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/cluster --durations 5

# Each trainer's environment is made once, in .trainers: gigabytes, and many minutes the first time.
test-trainers: install ## load exported mixture files by the trainers' own code
	$(BIN)/python -m pytest tests/trainers --durations 5

lint: install ## check style, types and rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow/rules
	$(BIN)/python benchmarks/readability.py --check
	$(BIN)/mypy
	$(BIN)/snakemake --lint

docs: install ## write the tables of config keys and of mixers from their registries
	$(BIN)/python -m mixwright.study.reference config/schema.yaml > config/README.md
	$(BIN)/python -m mixwright.mixers.table docs/mixers.md

bench: install ## run the benchmarks
	$(BIN)/python benchmarks/parse.py
	$(BIN)/python benchmarks/explorer.py
	$(BIN)/python benchmarks/mixers.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/designs.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/schedules.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/mixmin.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/scales.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/accuracies.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/evidence.py --seeds 2
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/expected.py --planted
	$(BIN)/python benchmarks/fuzz_tables.py
	$(BIN)/python benchmarks/fuzz_studies.py
	$(BIN)/python benchmarks/watch.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/proxies.py

# It has not run on a GPU yet: docs/gpu.md.
gpu-check: install ## all that a GPU has to show, in 8 minutes; needs one, and torch with CUDA in .venv
	PYTHON=$(BIN)/python bash benchmarks/gpu_check.sh

clean: ## remove results, logs and Snakemake's records; the store of computed runs stays
	find results -mindepth 1 -maxdepth 1 ! -name store -exec rm -rf {} + 2>/dev/null || true
	rm -rf logs .snakemake

clean-store: ## remove the store too, and train all again; mixwright prune removes what none uses
	rm -rf results/store
