"""mixwright: in what proportions should I mix my data sources?

From Python: `read_runs`, `fit`, `predict`, `propose`, `page`, `compare`, `load`; see
mixwright.face.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mixwright.face import compare, fit, load, page, predict, propose, read_runs

__version__ = "0.2.0"
__all__ = ["__version__", "compare", "fit", "load", "page", "predict", "propose", "read_runs"]


def __getattr__(name: str) -> Any:
    """Opens the face on first use, so that `import mixwright` loads neither numpy nor pandas."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module("mixwright.face"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
