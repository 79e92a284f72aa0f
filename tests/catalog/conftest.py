"""A catalog in a file, for what is not a law of both databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from embedstore.catalog import Catalog


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "catalog.sqlite"


@pytest.fixture
def catalog(file: Path) -> Iterator[Catalog]:
    opened = Catalog(file, wait=0.2)
    yield opened
    opened.close()
