"""What `doctor` looks into."""

from pathlib import Path

import embedstore
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
    assert states["database"] == states["collection photos"] == "ok"
