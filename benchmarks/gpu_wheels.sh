#!/usr/bin/env bash
# Makes wheels/, the packages that a machine with torch and no network may lack for gpu_check.sh.
#
#   bash benchmarks/gpu_wheels.sh [FOLDER] [PYTHON_VERSION] [with PACKAGE ...]
#
# Versions are those of .venv. FOLDER is wheels, PYTHON_VERSION 3.12 unless named. torch, triton and
# nvidia's packages are never taken. Neither are the large ones that such a machine usually has
# (LARGE below): name those that it lacks behind `with`. It fails over 64 MiB.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:-wheels}
version=${2:-3.12}
shift $(($# < 2 ? $# : 2))
[[ ${1:-} == with ]] && shift
python=.venv/bin/python
most=64
rm -rf "$folder"
mkdir -p "$folder"
tags=()
for platform in manylinux_2_34 manylinux_2_28 manylinux_2_27 manylinux_2_24 manylinux_2_17 \
    manylinux2014 manylinux2010 manylinux1; do
    tags+=(--platform "${platform}_x86_64")
done
"$python" - "$@" <<'PROGRAM' >"$folder/names.txt"
import re
import sys
from importlib.metadata import PackageNotFoundError, distribution

ROOTS = """snakemake lightgbm jsonschema pooch platformdirs zstandard datasets threadpoolctl rich
pyyaml pytest matplotlib scikit-learn transformers accelerate pandas pyarrow scipy""".split()
NEVER = re.compile(r"^(torch|triton|nvidia|cuda)")
LARGE = {"numpy", "scipy", "pandas", "pyarrow", "transformers", "tokenizers", "matplotlib",
         "scikit-learn", "pillow", "fonttools", "hf-xet"} - set(sys.argv[1:])


def plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()


done = {}
todo = list(ROOTS)
while todo:
    name = plain(todo.pop())
    if name in done or NEVER.match(name):
        continue
    try:
        package = distribution(name)
    except PackageNotFoundError:
        # for another system, or optional
        continue
    done[name] = package.version
    for requirement in package.requires or ():
        if "extra ==" not in requirement:
            todo.append(re.match(r"[A-Za-z0-9._-]+", requirement)[0])
for name, version in sorted(done.items()):
    if name not in LARGE:
        print(f"{name}=={version}")
PROGRAM
"$python" -m pip download --quiet --disable-pip-version-check --no-deps --prefer-binary \
    --python-version "$version" --implementation cp "${tags[@]}" -d "$folder" \
    -r "$folder/names.txt"
# some packages of Python alone have no wheel to download
shopt -s nullglob
for source in "$folder"/*.tar.gz "$folder"/*.zip; do
    "$python" -m pip wheel --quiet --disable-pip-version-check --no-deps -w "$folder" "$source"
    rm "$source"
done
rm "$folder/names.txt"
if ls "$folder" | grep -Ei '^(torch|triton|nvidia|cuda)' >&2; then
    echo "these must not be here" >&2
    exit 1
fi
size=$(du -sm --apparent-size "$folder" | cut -f1)
echo "$folder: $(ls "$folder" | wc -l) wheels, $size MiB of at most $most"
if ((size > most)); then
    ls -S "$folder" | head -5 >&2
    exit 1
fi
