"""Every fault of the database below is one of embedstore's errors, with a next step."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest

from embedstore.catalog import Catalog, NewRow
from embedstore.catalog.faults import meaning
from embedstore.errors import (
    Conflict,
    Corrupt,
    EmbedStoreError,
    Invalid,
    MissingExtra,
    StorageFull,
    StoreLocked,
    Unavailable,
)
from embedstore.types import Item, Space

SPACE = Space("toy", "w", "p", 2)
VECTOR = np.array([[1.0, 0.0]], np.float32)


def row(key: str, size: int = 0) -> NewRow:
    return NewRow(Item(key, meta={"filling": "x" * size}), VECTOR)


def test_a_writer_that_waits_too_long_is_told_so(catalog: Catalog, file: Path) -> None:
    here = catalog.create("a", SPACE, {}).id
    other = sqlite3.connect(file)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreLocked, match=f"{file} is locked.*try again"):
        catalog.put(here, [row("k")])
    assert catalog.seq(here) == (0, 0)  # readers go on
    other.rollback()
    other.close()
    assert catalog.put(here, [row("k")]).seq == 1


def test_an_error_of_no_meaning_tells_nothing_that_is_stored(catalog: Catalog) -> None:
    with (
        pytest.raises(Exception, match="no such table") as told,
        catalog._database.write() as connection,
    ):
        connection.exec_driver_sql("INSERT INTO nowhere VALUES (:text)", {"text": "a secret"})
    assert "a secret" not in str(told.value)


def test_many_readers_at_once_need_not_wait(catalog: Catalog) -> None:
    with ExitStack() as open_ones:
        readers = [open_ones.enter_context(catalog._database.glance()) for _ in range(60)]
        assert {reader.exec_driver_sql("SELECT 1").scalar() for reader in readers} == {1}


def test_a_full_disk_loses_nothing_and_can_go_on(catalog: Catalog) -> None:
    here = catalog.create("a", SPACE, {}).id
    catalog.put(here, [row("kept")])
    with catalog._database.glance() as connection:  # the pool hands this connection out again
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 2}")
    with pytest.raises(StorageFull, match=r"full.*free disk space"):
        catalog.put(here, [row(str(n), 4_000) for n in range(20)])
    assert catalog.count(here)["items"] == 1
    with catalog._database.glance() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count=1000000")
    catalog.put(here, [row("later", 4_000)])
    assert sorted(item.key for item in catalog.page(here).values()) == ["kept", "later"]


@contextmanager
def nobody() -> Iterator[None]:
    """Root may write anywhere, so stop being root for a while."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.fixture
def locked_folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "locked"
    folder.mkdir()
    for parent in (tmp_path, *tmp_path.parents):
        if os.geteuid() == 0 and parent.stat().st_mode & 0o005 != 0o005:
            parent.chmod(parent.stat().st_mode | 0o005)
        if parent.name.startswith("pytest-of"):
            break
    yield folder
    folder.chmod(0o755)


def test_a_read_only_folder_is_named(locked_folder: Path) -> None:
    locked_folder.chmod(0o555)
    with nobody(), pytest.raises(StorageFull, match=r"locked.*make the folder.*another store"):
        Catalog(locked_folder / "catalog.sqlite")


def test_a_read_only_catalog_is_named(locked_folder: Path) -> None:
    place = locked_folder / "catalog.sqlite"
    Catalog(place).close()
    place.chmod(0o444)
    locked_folder.chmod(0o555)
    with nobody(), pytest.raises(StorageFull, match=r"catalog\.sqlite.*writable"):
        Catalog(place).create("a", SPACE, {})


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StorageFull, match="absent"):
        Catalog(tmp_path / "absent" / "catalog.sqlite")


def test_a_file_that_is_no_database(file: Path) -> None:
    file.write_bytes(b"once upon a time " * 400)
    with pytest.raises(Corrupt, match=r"damaged.*restore a backup"):
        Catalog(file)


def test_a_damaged_page_is_noticed(file: Path) -> None:
    catalog = Catalog(file)
    here = catalog.create("a", SPACE, {}).id
    catalog.put(here, [row(str(n), 500) for n in range(200)])
    catalog.vacuum()
    catalog.close()
    content = bytearray(file.read_bytes())
    for page in range(12, len(content) // 4096):
        content[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    file.write_bytes(content)
    catalog = Catalog(file)
    with pytest.raises(Corrupt, match=r"damaged"):
        catalog.page(here, limit=1_000)
    assert catalog.check()
    catalog.close()


def test_another_programs_database_is_left_alone(file: Path) -> None:
    other = sqlite3.connect(file)
    other.execute("CREATE TABLE items (name TEXT)")
    other.commit()
    other.close()
    before = file.read_bytes()
    with pytest.raises(Conflict, match=r"not a catalog of embedstore.*items"):
        Catalog(file)
    assert b"CREATE TABLE collections" not in file.read_bytes()
    assert before[100:] == file.read_bytes()[100:]


def test_a_newer_catalog_is_refused(catalog: Catalog, file: Path) -> None:
    with catalog._database.write() as connection:
        connection.exec_driver_sql("INSERT INTO migrations VALUES ('9999 wings', 'tomorrow')")
    with pytest.raises(Conflict, match=r"newer embedstore.*9999 wings.*--upgrade"):
        Catalog(file)


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:secret@a/b",
        "sqlite://",
        "sqlite:///:memory:",
        "no url",
        "postgresql://u:secret@host:port/b",
    ],
)
def test_other_databases_are_refused_without_telling_a_password(url: str) -> None:
    with pytest.raises(Invalid, match="expected sqlite:") as refusal:
        Catalog(url)
    assert "secret" not in str(refusal.value)


def test_a_server_that_does_not_answer(tmp_path: Path) -> None:
    pytest.importorskip("psycopg", reason="needs `pip install 'embedstore[postgres]'`")
    url = f"postgresql://someone:secret@/store?host={tmp_path}"
    with pytest.raises(Unavailable, match="cannot be reached") as refusal:
        Catalog(url)
    assert "secret" not in str(refusal.value)


def test_a_missing_driver_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtra, match=r"pip install 'embedstore\[postgres\]'"):
        Catalog("postgresql://somewhere/store")


def test_an_old_sqlite_is_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 31, 1))
    with pytest.raises(Unavailable, match=r"expected 3\.38"):
        Catalog(file)


class Refused(Exception):
    def __init__(self, sqlstate: str) -> None:
        super().__init__("two\nlines")
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("sqlstate", "kind"),
    [
        ("53100", StorageFull),
        ("25006", StorageFull),
        ("42501", StorageFull),
        ("55P03", StoreLocked),
        ("40001", StoreLocked),
        ("40P01", StoreLocked),
        ("XX001", Corrupt),
        ("57P01", Unavailable),
        ("53300", Unavailable),
        ("08006", Unavailable),
    ],
)
def test_states_of_postgresql(sqlstate: str, kind: type[EmbedStoreError]) -> None:
    fault = meaning(Refused(sqlstate), "here")
    assert type(fault) is kind
    assert "two lines" in str(fault)


def test_a_mistake_of_ours_is_not_dressed_up() -> None:
    assert meaning(Refused("42601"), "here") is None
    assert meaning(sqlite3.ProgrammingError("closed"), "here") is None


def test_importing_embedstore_does_not_import_sqlalchemy() -> None:
    asked = "import embedstore, sys; sys.exit('sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], check=False).returncode == 0
