"""Fixtures that every room's tests share."""

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("EMBEDSTORE_SHARED", Path(__file__).parents[2] / "shared"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets beside a developer's checkout; skips where it is absent."""
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip(f"no shared data at {folder}; set EMBEDSTORE_SHARED to its parent folder")
    return folder
