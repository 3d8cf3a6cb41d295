"""A folder to run the real workflow in, and the smallest study."""

from pathlib import Path
from typing import Any

import pytest

from workshop import Workshop, read_study


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


@pytest.fixture(scope="session")
def smoke() -> dict[str, Any]:
    return read_study("smoke")
