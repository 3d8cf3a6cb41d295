"""The smallest config that resolves."""

from pathlib import Path

CONFIG = Path(__file__).parents[2] / "config"
LEAST = {
    "study": "least",
    "domains": {"x": {"source": "installed"}, "y": {"source": "installed"}},
    "targets": {"t": {"source": "installed"}},
}
