"""The packages behind a result, with their versions."""

from collections.abc import Iterable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mixwright.study.study import Study

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


# Packages that trees on tables need, and nothing else does.
OF_TREES = ("xgboost-cpu", "rdkit")
# Mixers that fit boosted trees, or may.
BOOSTED = ("regmix", "ensemble")


def used_by(study: "Study") -> tuple[str, ...]:
    """Returns the packages that this study's numbers rest on."""
    unused = set()
    if study.learner.sized:
        unused |= set(OF_TREES)
    else:
        unused |= {"torch", "transformers", "tokenizers"}
    if not any(study.method_name(mixer) in BOOSTED for mixer in study.mixers):
        unused.add("lightgbm")
    return tuple(name for name in VERSIONS if name not in unused)


def software(packages: Iterable[str] = VERSIONS) -> dict[str, str]:
    """Returns package -> version, of those that are installed."""
    versions = {}
    for name in packages:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def release() -> str:
    """Returns the version of mixwright."""
    # by its name: pages are reached from the package itself, which would be a circle
    return str(import_module("mixwright").__version__)
