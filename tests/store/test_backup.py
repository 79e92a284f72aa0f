"""A live store goes into one file and comes back the same."""

import json
import threading
import zipfile
from pathlib import Path

import pytest

import embedstore
from embedstore import Item
from embedstore.backup import MANIFEST, backup, restore
from embedstore.errors import Conflict, Corrupt, Invalid, NotFound, StorageFull


@pytest.fixture
def live(tmp_path):
    with embedstore.open(tmp_path / "live") as store:
        words = store.create("words", "toy")
        words.add([Item(f"k{n}", texts=(f"word {n}",), meta={"n": n}) for n in range(20)])
        yield store


def test_a_store_comes_back_the_same_and_has_no_index_files(live, tmp_path):
    words = live.collection("words")
    words.rebuild()
    manifest = backup(live, tmp_path / "kept" / "a.zip")
    assert manifest["collections"]["words"]["items"] == 20
    assert restore(tmp_path / "kept" / "a.zip", tmp_path / "again") == manifest
    assert [path.name for path in (tmp_path / "again").iterdir()] == ["catalog.sqlite"]
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["a.zip"]
    with embedstore.open(tmp_path / "again", must_exist=True) as again:
        there = again.collection("words")
        assert there.items() == words.items()
        query = embedstore.Query("word 7", target="text", k=5)
        found, wanted = there.search(query), words.search(query)
        assert [hit.item for hit in found] == [hit.item for hit in wanted]
        assert [hit.score for hit in found] == pytest.approx([hit.score for hit in wanted])


def test_a_backup_under_writing_is_one_commit(live, tmp_path):
    """Each commit stores two items that belong together; no backup holds half a pair."""
    words, done = live.collection("words"), threading.Event()

    def add() -> None:
        number = 0
        while not done.is_set():
            words.add([Item(f"{side}{number}", texts=("a pair",)) for side in ("left", "right")])
            number += 1

    writer = threading.Thread(target=add)
    writer.start()
    try:
        counts = []
        for number in range(4):
            manifest = backup(live, tmp_path / f"{number}.zip")
            restore(tmp_path / f"{number}.zip", tmp_path / str(number))
            with embedstore.open(tmp_path / str(number), must_exist=True) as kept:
                keys = {item.key for item in kept.collection("words").items(limit=10_000).values()}
            assert len(keys) == manifest["collections"]["words"]["items"]
            for key in keys:
                if key.startswith("left"):
                    assert key.replace("left", "right") in keys
            counts.append(len(keys))
    finally:
        done.set()
        writer.join()
    assert counts == sorted(counts)
    assert counts[-1] > 20


def test_what_is_there_is_not_overwritten(live, tmp_path):
    backup(live, tmp_path / "a.zip")
    with pytest.raises(Conflict, match="not empty"):
        restore(tmp_path / "a.zip", live.folder)


def test_a_changed_byte_makes_no_store(live, tmp_path):
    file = tmp_path / "a.zip"
    backup(live, file)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(Corrupt, match=r"a\.zip"):
        restore(file, tmp_path / "again")
    assert not (tmp_path / "again" / "catalog.sqlite").exists()


@pytest.mark.parametrize(
    ("change", "error"),
    [({"sha256": "0"}, Corrupt), ({"bytes": 1}, Corrupt), ({"format": 9}, Invalid)],
)
def test_a_manifest_that_does_not_fit_is_refused(live, tmp_path, change, error):
    backup(live, tmp_path / "a.zip")
    with (
        zipfile.ZipFile(tmp_path / "a.zip") as good,
        zipfile.ZipFile(tmp_path / "b.zip", "w") as bad,
    ):
        bad.writestr(MANIFEST, json.dumps(json.loads(good.read(MANIFEST)) | change))
        bad.writestr("catalog.sqlite", good.read("catalog.sqlite"))
    with pytest.raises(error):
        restore(tmp_path / "b.zip", tmp_path / "again")


def test_other_files_are_no_backups(tmp_path):
    with pytest.raises(NotFound):
        restore(tmp_path / "none.zip", tmp_path / "again")
    (tmp_path / "text.zip").write_text("hello")
    with pytest.raises(Invalid, match="no backup"):
        restore(tmp_path / "text.zip", tmp_path / "again")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as other:
        other.writestr("../../catalog.sqlite", b"x")
    with pytest.raises(Invalid, match="manifest"):
        restore(tmp_path / "other.zip", tmp_path / "again")


def test_a_full_disk_leaves_no_file(live, small_disk):
    live.collection("words").add([Item("large", texts=("x" * 90_000,)) for _ in range(2)])
    disk: Path = small_disk("64k")
    with pytest.raises(StorageFull, match="make room"):
        backup(live, disk / "a.zip")
    assert list(disk.iterdir()) == []


def test_postgresql_is_told_to_dump_itself(postgresql_url, tmp_path):
    url = postgresql_url.replace("postgresql://", "postgresql+psycopg://")
    with (
        embedstore.open(url, folder=tmp_path / "indices") as store,
        pytest.raises(Invalid, match="pg_dump"),
    ):
        backup(store, tmp_path / "a.zip")
