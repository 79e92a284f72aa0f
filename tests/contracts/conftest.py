"""The databases that every law of the catalog is tried on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from embedstore.catalog import Catalog


@pytest.fixture(params=["sqlite", "postgresql"])
def catalog_location(request: pytest.FixtureRequest, tmp_path: Path) -> str | Path:
    """Where an empty catalog can be made."""
    if request.param == "sqlite":
        return tmp_path / "catalog.sqlite"
    url: str = request.getfixturevalue("postgresql_url")
    import psycopg

    with psycopg.connect(url) as connection:
        connection.execute("DROP SCHEMA IF EXISTS embedstore CASCADE")
    return url


@pytest.fixture
def catalog(catalog_location: str | Path) -> Iterator[Catalog]:
    """An empty catalog, on each database in turn."""
    opened = Catalog(catalog_location, wait=1.0)
    yield opened
    opened.close()
