"""A served store for the tests of the doors."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

import embedstore
from api.app import create_app
from embedstore import Item, Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with embedstore.open(tmp_path / "store") as opened:
        made = opened.create("words", "toy")
        made.add(
            [
                Item("one", texts=("a red door",), meta={"year": 2020}),
                Item("two", texts=("a blue door",), meta={"year": 2021}),
            ]
        )
        yield opened


@pytest.fixture
def client(store: Store) -> Iterator[TestClient]:
    with TestClient(create_app(store), raise_server_exceptions=False) as made:
        yield made
