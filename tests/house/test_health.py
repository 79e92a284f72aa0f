"""What `doctor` looks into."""

from pathlib import Path

import numpy as np
import pytest

import embedstore
from embedstore import Item
from embedstore.catalog import Catalog
from embedstore.health import examine
from embedstore.store import Store


def test_a_machine_without_a_store_can_be_examined() -> None:
    found = {each.name: each.detail for each in examine(None)}
    assert {"python", "packages", "decoding", "encoder device", "index device"} == set(found)
    assert int(found["decoding"].split()[0]) >= 1


def test_an_index_folder_that_is_not_made_yet_has_a_disk(tmp_path: Path) -> None:
    with Store(Catalog(tmp_path / "catalog.sqlite"), tmp_path / "later" / "indices") as store:
        disk = next(each for each in examine(store) if each.name == "disk")
    assert "GiB free" in disk.detail
    assert not (tmp_path / "later").exists()


def test_a_sound_store_is_said_to_be(tmp_path: Path) -> None:
    with embedstore.open(tmp_path / "store") as store:
        store.create("photos", "toy")
        states = {each.name: each.state for each in examine(store)}
    assert states["database"] == states["collection photos"] == states["index of photos"] == "ok"


@pytest.mark.parametrize("part", ["ids-*", "index-*", "manifest.json"])
def test_damaged_index_files_are_told_and_left_alone(tmp_path: Path, part: str) -> None:
    with embedstore.open(tmp_path / "store") as store:
        made = store.create("photos", "toy")
        row = np.eye(1, made.info.space.dim, dtype=np.float32)
        made.add_vectors([Item("a")], image=row)
        made.rebuild()
        (damaged,) = made.indices.folder.glob(f"image/{part}")
    damaged.write_bytes(content := damaged.read_bytes()[:-1] + b"?")
    with embedstore.open(tmp_path / "store") as store:
        found = next(each for each in examine(store) if each.name == "index of photos")
        assert found.state == "failed"
        assert str(damaged) in found.detail
        assert "`embedstore rebuild --collection photos`" in found.detail
    assert damaged.read_bytes() == content
    with embedstore.open(tmp_path / "store") as store:
        store.collection("photos").rebuild()
        assert {each.state for each in examine(store) if "photos" in each.name} == {"ok"}
