"""The packages behind a result, with their versions."""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

# Packages whose versions are written down with a result.
VERSIONS = (
    "torch",
    "transformers",
    "numpy",
    "scipy",
    "lightgbm",
    "pyarrow",
    "tokenizers",
    "snakemake",
    "xgboost-cpu",
    "rdkit",
)


def software() -> dict[str, str]:
    """Package -> version, of those that are installed."""
    versions = {}
    for name in VERSIONS:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def release() -> str:
    """Returns the version of mixwright."""
    # by its name: pages are reached from the package itself, which would be a circle
    return str(import_module("mixwright").__version__)
