"""Damaged, locked, full and read-only: one line that says so, and nothing lost."""

import json
import random
import shutil
import sqlite3
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

import embedstore
from embedstore import Item, Query, Store
from embedstore.catalog import Catalog
from embedstore.errors import StorageFull, StoreLocked

N = 400


def answer(collection, query) -> list[tuple[str, float]]:
    """Keys and scores; the last digits of a score depend on the order of summation."""
    return [(hit.item.key, round(hit.score, 5)) for hit in collection.search(query)]


def unit(seed: int, n: int, dim: int) -> np.ndarray:
    made = np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


@pytest.fixture
def filled(tmp_path):
    """A store with a published collection, closed; and what a search in it must give."""
    with embedstore.open(tmp_path / "store") as store:
        made = store.create("made", "toy")
        made.add_vectors([Item(str(n)) for n in range(N)], image=unit(1, N, made.info.space.dim))
        made.rebuild()
        query = Query(vector=unit(2, 1, made.info.space.dim)[0])
        hits = answer(made, query)
        folder = made.indices.folder
    return tmp_path / "store", folder, query, hits


def published(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)


def spoil(path, how, dice):
    if how == "missing":
        path.unlink()
    elif how == "truncated":
        path.write_bytes(path.read_bytes()[: dice.randrange(path.stat().st_size)])
    else:
        content = bytearray(path.read_bytes())
        content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
        path.write_bytes(content)


def hold_back(indices, monkeypatch):
    """Let rebuilds of these indices wait for an event."""
    gate = threading.Event()
    real = indices.rebuild
    monkeypatch.setattr(indices, "rebuild", lambda: gate.wait(30) and real())
    return gate


@pytest.mark.parametrize("how", ["missing", "truncated", "flipped"])
def test_a_damaged_index_is_found_out_rebuilt_and_exact_meanwhile(filled, how, monkeypatch, caplog):
    place, folder, query, expected = filled
    dice = random.Random(how)
    sound = shutil.copytree(folder, folder.parent / "sound")
    for damaged in published(folder):
        with embedstore.open(place) as store:
            made = store.collection("made")
            gate = hold_back(made.indices, monkeypatch)
            spoil(damaged, how, dice)
            assert answer(made, query) == expected, f"{damaged.name} {how}: while it is rebuilt"
            if how != "missing" and damaged.parent.name == "image":
                (told,) = made.explain(query)
                assert str(told) == f"no image index in use, all {N} vectors searched exactly"
                assert str(damaged) in caplog.text
                assert "nothing is lost: it is built anew" in caplog.text
            gate.set()
            made.indices.close()
            assert answer(made, query) == expected, f"{damaged.name} {how}: after the rebuild"
        with embedstore.open(place) as store:
            made = store.collection("made")
            assert answer(made, query) == expected
            assert made.describe()["index"]["image"]["published"] == N
        shutil.rmtree(folder)
        shutil.copytree(sound, folder)


@pytest.mark.parametrize("step", [-1, 1])
def test_an_index_of_another_format_is_rebuilt_and_exact_meanwhile(
    filled, step, monkeypatch, caplog
):
    place, folder, query, expected = filled
    manifest = folder / "image" / "manifest.json"
    told = json.loads(manifest.read_bytes())
    manifest.write_text(json.dumps(told | {"format": told["format"] + step}))
    with embedstore.open(place) as store:
        made = store.collection("made")
        gate = hold_back(made.indices, monkeypatch)
        assert answer(made, query) == expected
        assert f"has format {told['format'] + step}, this version reads" in caplog.text
        gate.set()
        made.indices.close()
        assert answer(made, query) == expected
        assert made.describe()["index"]["image"]["published"] == N
    assert json.loads(manifest.read_bytes())["format"] == told["format"]


def test_index_files_can_be_deleted_at_any_time(filled):
    place, folder, query, expected = filled
    with embedstore.open(place) as store:
        made = store.collection("made")
        assert answer(made, query) == expected
        shutil.rmtree(folder)
        assert answer(made, query) == expected
    with embedstore.open(place) as store:
        assert answer(store.collection("made"), query) == expected


def test_rows_restored_from_an_older_copy_are_believed_and_not_the_index(filled):
    place, _, query, _ = filled
    copy = shutil.copytree(place, place.parent / "copy")
    with embedstore.open(place) as store:
        made = store.collection("made")
        before = answer(made, query)
        for turn in range(3):
            made.add_vectors([Item(f"late-{turn}")], image=query.vector[None, :])
        made.rebuild()
        assert made.search(query)[0].item.key.startswith("late")
    shutil.rmtree(copy / "index")
    shutil.copytree(place / "index", copy / "index")
    with embedstore.open(copy) as store:
        assert answer(store.collection("made"), query) == before
    with embedstore.open(copy) as store:
        assert answer(store.collection("made"), query) == before
        assert store.collection("made").describe()["index"]["image"]["published"] == N


def test_a_lock_held_too_long_is_named(filled):
    place, *_ = filled
    holder = sqlite3.connect(place / "catalog.sqlite", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with Store(Catalog(place / "catalog.sqlite", wait=0.2), place) as store:
        made = store.collection("made")
        with pytest.raises(StoreLocked):
            made.delete(["1"])
        holder.execute("ROLLBACK")
        assert made.delete(["1"]) == []
    holder.close()


def fill(path):
    """Write until the disk is full."""
    with path.open("wb", buffering=0) as filler, suppress(OSError):
        while filler.write(b"0" * 4096):
            pass


def test_a_full_disk_is_one_line_and_loses_nothing_acknowledged(small_disk):
    disk = small_disk("3m")
    kept = 0
    with embedstore.open(disk / "store") as store:
        made = store.create("made", "toy")
        dim = made.info.space.dim
        with pytest.raises(StorageFull, match="full"):  # noqa: PT012 - which turn fails is not known
            for turn in range(200):
                made.add_vectors(
                    [Item(f"{turn}-{n}", texts=("x" * 200,)) for n in range(100)],
                    text=unit(turn, 100, dim),
                )
                kept += 100
        assert made.describe()["items"] == kept
        fill(disk / "filler")
        with pytest.raises(StorageFull):
            made.rebuild()
        assert len(made.search(Query(vector=unit(0, 1, dim)[0], target="text", k=50))) == 50
    (disk / "filler").unlink()
    with embedstore.open(disk / "store") as store:
        assert store.collection("made").describe()["items"] == kept


def test_a_read_only_folder_is_named_and_nothing_in_it_is_lost(filled):
    place, _, query, expected = filled
    mounted = subprocess.run(["mount", "--bind", place, place], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"cannot mount here: {mounted.stderr.decode().strip()}")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", place], check=True)
        for folder in (place, place / "inner"):
            with pytest.raises(StorageFull, match=f"{folder}.*choose another"):
                embedstore.open(folder)
    finally:
        subprocess.run(["umount", place], check=True)
    with embedstore.open(place) as store:
        assert answer(store.collection("made"), query) == expected


def test_an_unwritable_parent_is_named():
    with pytest.raises(StorageFull, match="/proc/nothing"):
        embedstore.open("/proc/nothing/here")
    assert not Path("/proc/nothing").exists()
