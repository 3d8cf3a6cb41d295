#!/usr/bin/env bash
# Runs benchmarks/gpu_check.py with this machine's own python and torch, in at most 8 minutes.
#
#   bash benchmarks/gpu_check.sh [--wheels FOLDER] [options of gpu_check.py]
#
# Packages that the machine lacks are taken from FOLDER (default: wheels/ in the repository), which
# benchmarks/gpu_wheels.sh makes. They go to a folder of their own that is removed at the end. What
# the machine has is never replaced, torch least of all. PYTHON names another python.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
wheels=$PWD/wheels
if [[ ${1:-} == --wheels ]]; then
    wheels=$(realpath "$2")
    shift 2
fi
if [[ -d $wheels ]]; then
    site=$(mktemp -d)
    trap 'rm -rf "$site"' EXIT
    # wheels of distributions that the machine lacks
    mapfile -t missing < <("$python" - "$wheels" <<'PROGRAM'
import re
import sys
from importlib.metadata import distributions
from pathlib import Path


def plain(name):
    return re.sub(r"[-_.]+", "-", name or "").lower()


installed = {plain(each.metadata["Name"]) for each in distributions()}
for wheel in sorted(Path(sys.argv[1]).glob("*.whl")):
    if plain(wheel.name.partition("-")[0]) not in installed:
        print(wheel)
PROGRAM
    )
    if ((${#missing[@]})); then
        # Without them the steps that need them say so.
        "$python" -m pip install --quiet --no-index --no-deps --no-compile --no-cache-dir \
            --disable-pip-version-check --target "$site" "${missing[@]}" ||
            echo "some wheels could not be installed" >&2
        export PYTHONPATH=$site${PYTHONPATH:+:$PYTHONPATH}
        export PATH=$site/bin:$PATH
    fi
fi
"$python" benchmarks/gpu_check.py "$@"
