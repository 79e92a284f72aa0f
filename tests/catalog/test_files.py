"""What is in the files of an SQLite catalog: all that is acknowledged, nothing that is deleted."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from embedstore.catalog import Catalog, NewRow
from embedstore.errors import StoreLocked
from embedstore.types import Item, Space

SPACE = Space("toy", "w", "p", 64)


def vectors(seed: int) -> np.ndarray:
    made = np.random.default_rng(seed).standard_normal((1, 64)).astype(np.float32)
    return made / np.linalg.norm(made)


def everything(file: Path) -> bytes:
    return b"".join(path.read_bytes() for path in file.parent.glob(f"{file.name}*"))


def test_deleted_items_are_gone_from_every_file(catalog: Catalog, file: Path) -> None:
    here = catalog.create("a", SPACE, {}).id
    marks = [b"unique caption", b"unique value", b"unique-key", b"/unique/path", b"unique picture"]
    marks.append(vectors(1).astype("<f2").tobytes())
    item = Item("unique-key", b"unique picture", ("unique caption",), {"f": "unique value"})
    moved = Item("moved", Path("/unique/path"))
    catalog.put(here, [NewRow(item, vectors(1), vectors(2)), NewRow(moved, vectors(3))])
    catalog.put(here, [NewRow(Item(str(n)), vectors(n)) for n in range(10, 200)])
    held = everything(file)
    assert all(mark in held for mark in marks)
    catalog.delete(here, ["unique-key"])
    catalog.put(here, [NewRow(Item("moved", Path("/elsewhere")), vectors(4))])
    catalog.purge(here, catalog.seq(here)[0])
    catalog.vacuum()
    held = everything(file)
    assert [mark for mark in marks if mark in held] == []
    assert vectors(20).astype("<f2").tobytes() in held


def test_a_reader_that_keeps_deleted_bytes_alive_is_reported(catalog: Catalog) -> None:
    here = catalog.create("a", SPACE, {}).id
    catalog.put(here, [NewRow(Item("k"), vectors(1))])
    with catalog._database.snapshot() as reader:
        reader.exec_driver_sql("SELECT count(*) FROM items").all()
        catalog.delete(here, ["k"])
        with pytest.raises(StoreLocked):
            catalog.vacuum()
    catalog.vacuum()


def test_commits_are_durable_by_setting(catalog: Catalog) -> None:
    with catalog._database.snapshot() as connection:
        told = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        }
    assert told == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}


def test_many_may_make_the_same_catalog_at_once(tmp_path: Path) -> None:
    for attempt in range(5):
        place = tmp_path / f"{attempt}.sqlite"
        with ThreadPoolExecutor(8) as pool:
            opened = list(pool.map(Catalog, [place] * 8))
        opened[0].create("a", SPACE, {})
        assert [catalog.describe("a").id for catalog in opened] == [1] * 8
        for catalog in opened:
            catalog.close()


WRITER = """
import sys
import numpy as np
from pathlib import Path
from embedstore.catalog import Catalog, NewRow
from embedstore.types import Item
catalog = Catalog(Path(sys.argv[1]))
here = catalog.collections()[0].id
rng = np.random.default_rng(int(sys.argv[2]))
for number in range(10_000):
    made = rng.standard_normal((7, 64)).astype(np.float32)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    rows = [NewRow(Item(f"{sys.argv[2]}-{number}-{n}"), made[n : n + 1]) for n in range(7)]
    seq = catalog.put(here, rows).seq
    gone = catalog.delete(here, [f"{sys.argv[2]}-{number}-0"]).seq
    print(number, seq, gone, flush=True)
"""


def test_what_was_acknowledged_survives_kill_and_no_half_batch_does(file: Path) -> None:
    catalog = Catalog(file)
    here = catalog.create("a", SPACE, {}).id
    acknowledged: dict[str, int] = {}
    for life in range(4):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(file), str(life)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(0.05 * life)
        os.kill(process.pid, signal.SIGKILL)
        lines = [first, *process.stdout]
        process.wait()
        process.stdout.close()
        acknowledged[str(life)] = max(int(line.split()[0]) for line in lines if line.endswith("\n"))
    keys = [item.key for item in catalog.page(here, limit=1_000_000).values()]
    assert catalog.check() == []
    _, ids, _ = catalog.scan(here, "image")
    assert len(ids) == len(keys)
    for life, last in acknowledged.items():
        for number in range(last + 1):
            found = sorted(key for key in keys if key.startswith(f"{life}-{number}-"))
            assert found == [f"{life}-{number}-{n}" for n in range(1, 7)]
        half = [key for key in keys if key.startswith(f"{life}-{last + 1}-")]
        assert len(half) in (0, 6, 7)
    catalog.close()
