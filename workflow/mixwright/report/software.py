"""The versions of the software behind a result, from the metadata of what is installed."""

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
