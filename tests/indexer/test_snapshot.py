"""Published files: whole, proved before faiss reads them, replaced in one step."""

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path

import faiss
import numpy as np
import pytest
import xxhash

from indexer import CorruptSnapshot, DiskFull, IndexSpec, build, snapshot
from indexer import manifest as manifests
from indexer.types import Kind

Maker = Callable[..., np.ndarray]

DIM, SPACE = 4, "space"


@pytest.fixture
def write(tmp_path: Path, unit_rows: Maker) -> Callable[..., Path]:
    folder = tmp_path / "index"

    def publish(seq: int = 1, n: int = 3, kind: Kind = "flat") -> Path:
        index = build(unit_rows(n, DIM, seed=seq), IndexSpec(kind, DIM))
        snapshot.publish(folder, np.arange(n) + seq, index, seq, SPACE)
        return folder

    return publish


@pytest.fixture
def faiss_reads_only_what_is_proved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(path: str, *flags: object) -> None:
        files = json.loads((tmp_path / "index" / manifests.NAME).read_bytes())["files"]
        hashes = [file["xxh3_128"] for file in files if file["name"] == Path(path).name]
        assert hashes == [xxhash.xxh3_128_hexdigest(Path(path).read_bytes())]

    monkeypatch.setattr(faiss, "read_index", read)


def listing(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {snapshot.LOCK}


@pytest.mark.parametrize(
    "kind", ["flat", "ivf_flat", "ivf_sq8", "ivf_pq", "ivf_pq8", "hnsw", "cagra"]
)
@pytest.mark.parametrize("n", [0, 1, 200])
def test_opens_what_was_published(write: Callable[..., Path], kind: Kind, n: int) -> None:
    folder = write(7, n, kind)
    opened = snapshot.load(folder, SPACE, DIM)
    assert opened is not None
    assert (opened.seq, len(opened.index), opened.index.spec.kind) == (7, n, kind)
    np.testing.assert_array_equal(opened.ids, np.arange(n) + 7)
    assert len(listing(folder)) == {"flat": 3, "ivf_pq": 5}.get(kind, 4)


def test_nothing_published_is_none(tmp_path: Path) -> None:
    assert snapshot.load(tmp_path / "never", SPACE, DIM) is None


def test_an_older_generation_than_wanted_counts_as_none(write: Callable[..., Path]) -> None:
    folder = write(seq=5)
    assert snapshot.load(folder, SPACE, DIM, min_seq=6) is None
    assert snapshot.load(folder, SPACE, DIM, min_seq=5) is not None


@pytest.mark.parametrize(("kind", "step"), [("flat", 1), ("ivf_sq8", 13)])
@pytest.mark.usefixtures("faiss_reads_only_what_is_proved")
def test_every_flipped_bit_is_found(write: Callable[..., Path], kind: Kind, step: int) -> None:
    folder = write(1, 3, kind)
    for name in listing(folder):
        sound = (folder / name).read_bytes()
        with (folder / name).open("r+b", buffering=0) as stored:
            for bit in range(0, 8 * len(sound), step):
                os.pwrite(stored.fileno(), bytes([sound[bit // 8] ^ 1 << bit % 8]), bit // 8)
                with pytest.raises(CorruptSnapshot, match=name):
                    snapshot.load(folder, SPACE, DIM)
                os.pwrite(stored.fileno(), sound[bit // 8 : bit // 8 + 1], bit // 8)
        assert (folder / name).read_bytes() == sound


@pytest.mark.parametrize(("kind", "step"), [("flat", 1), ("ivf_pq", 13)])
@pytest.mark.usefixtures("faiss_reads_only_what_is_proved")
def test_every_cut_and_every_appended_byte_is_found(
    write: Callable[..., Path], kind: Kind, step: int
) -> None:
    folder = write(1, 3, kind)
    for name in listing(folder):
        sound = (folder / name).read_bytes()
        for length in range(0, len(sound), step):
            (folder / name).write_bytes(sound[:length])
            with pytest.raises(CorruptSnapshot, match=name):
                snapshot.load(folder, SPACE, DIM)
        (folder / name).write_bytes(sound + b"\n")
        with pytest.raises(CorruptSnapshot, match=name):
            snapshot.load(folder, SPACE, DIM)
        (folder / name).write_bytes(sound)


@pytest.mark.usefixtures("faiss_reads_only_what_is_proved")
def test_a_missing_file_is_named(write: Callable[..., Path]) -> None:
    folder = write(kind="ivf_pq")
    for name in listing(folder) - {manifests.NAME}:
        sound = (folder / name).read_bytes()
        (folder / name).unlink()
        with pytest.raises(CorruptSnapshot, match=name):
            snapshot.load(folder, SPACE, DIM)
        (folder / name).write_bytes(sound)


@pytest.mark.usefixtures("faiss_reads_only_what_is_proved")
@pytest.mark.parametrize(("space", "dim"), [("other", DIM), (SPACE, DIM + 1)])
def test_another_space_is_refused_with_both_values(
    write: Callable[..., Path], space: str, dim: int
) -> None:
    with pytest.raises(
        CorruptSnapshot, match=f"space {SPACE} .* {DIM}, expected {space} with {dim}"
    ):
        snapshot.load(write(), space, dim)


def sealed(manifest: dict[str, object]) -> bytes:
    """Give a manifest a checksum that is right."""
    text = json.dumps(manifest, sort_keys=True, indent=1).encode()
    whole = {**manifest, "checksum": xxhash.xxh3_128_hexdigest(text)}
    return json.dumps(whole, sort_keys=True, indent=1).encode() + b"\n"


@pytest.mark.usefixtures("faiss_reads_only_what_is_proved")
def test_other_formats_and_foreign_paths_are_refused(write: Callable[..., Path]) -> None:
    path = write() / manifests.NAME
    manifest = json.loads(path.read_text())
    manifest.pop("checksum")
    assert sealed(manifest) == path.read_bytes()
    reads = f"this version reads {manifests.FORMAT}"
    for other, advice in (
        (manifests.FORMAT - 1, "build the index anew"),
        (manifests.FORMAT + 1, "update the program, or build the index anew"),
    ):
        path.write_bytes(sealed({**manifest, "format": other}))
        with pytest.raises(CorruptSnapshot, match=f"format {other}, {reads}: {advice}$"):
            snapshot.load(path.parent, SPACE, DIM)
    manifest["files"][0]["name"] = "../ids-0123456789abcdef"
    path.write_bytes(sealed(manifest))
    with pytest.raises(CorruptSnapshot, match="is damaged"):
        snapshot.load(path.parent, SPACE, DIM)
    path.write_bytes(b"\xff\0 no JSON")
    with pytest.raises(
        CorruptSnapshot, match=r"manifest\.json is damaged: it is no manifest any more$"
    ):
        snapshot.load(path.parent, SPACE, DIM)


def test_a_publication_during_a_load_is_followed(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(seq=1)
    check, calls = manifests.check_file, count()

    def replaced_first(file: manifests.File, where: Path) -> None:
        if next(calls) == 0:  # two threads come here at once
            write(seq=2)
        check(file, where)

    monkeypatch.setattr(manifests, "check_file", replaced_first)
    opened = snapshot.load(folder, SPACE, DIM)
    assert opened is not None
    assert opened.seq == 2


def test_an_older_generation_does_not_replace_a_sound_newer_one(write: Callable[..., Path]) -> None:
    folder = write(seq=9)
    write(seq=3)
    assert snapshot.load(folder, SPACE, DIM).seq == 9
    index_file = next(folder.glob("index-*"))
    index_file.write_bytes(b"damaged")
    write(seq=3)
    assert snapshot.load(folder, SPACE, DIM).seq == 3


@pytest.mark.parametrize("code", sorted(snapshot.UNWRITABLE))
@pytest.mark.parametrize("at", range(7))
def test_a_full_disk_leaves_the_previous_generation(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, code: int, at: int
) -> None:
    folder = write(seq=1, kind="ivf_flat")
    before = listing(folder)
    fsync, calls = os.fsync, []

    def failing(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) > at:
            raise OSError(code, os.strerror(code))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(DiskFull, match=f"{folder}.*{os.strerror(code)}"):
        write(seq=2, kind="ivf_flat")
    monkeypatch.undo()
    opened = snapshot.load(folder, SPACE, DIM)
    assert opened is not None
    if at < 5:  # the sixth call follows the manifest's rename: the new generation stands
        assert opened.seq == 1
        assert listing(folder) == before
    else:
        assert opened.seq == 2


def test_another_fault_of_the_disk_is_not_called_full(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(seq=1)

    def failing(descriptor: int) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(OSError, match="broken"):
        write(seq=2)
    assert snapshot.load(folder, SPACE, DIM).seq == 1


def test_a_crash_at_any_step_leaves_one_whole_generation(
    write: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(seq=1, kind="ivf_flat")
    states: list[Path] = []

    def copied(step: Callable[..., object]) -> Callable[..., object]:
        def around(*args: object) -> object:
            for _ in ("before", "after"):
                state = tmp_path / f"state-{len(states)}"
                shutil.copytree(folder, state)
                states.append(state)
                result = step(*args) if len(states) % 2 else result  # noqa: F821
            return result

        return around

    monkeypatch.setattr(os, "fsync", copied(os.fsync))
    monkeypatch.setattr(Path, "replace", copied(Path.replace))
    write(seq=2, kind="ivf_flat")
    monkeypatch.undo()
    seqs = [snapshot.load(state, SPACE, DIM).seq for state in states]
    assert seqs == sorted(seqs)
    assert set(seqs) == {1, 2}


PUBLISH = """
import sys
from pathlib import Path
import numpy as np
from indexer import IndexSpec, build, snapshot
for seq in range(int(sys.argv[2]), 30, 2):
    index = build(np.eye(4, dtype=np.float32), IndexSpec("flat", 4))
    snapshot.publish(Path(sys.argv[1]), np.arange(4), index, seq, "space")
"""


def test_processes_may_publish_and_read_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", PUBLISH, str(folder), str(first)],
            cwd=Path(snapshot.__file__).parents[1],
        )
        for first in (1, 2)
    ]
    seen = 0
    while any(writer.poll() is None for writer in writers):
        opened = snapshot.load(folder, SPACE, DIM)
        if opened is not None:
            assert opened.seq >= seen
            seen = opened.seq
    assert [writer.returncode for writer in writers] == [0, 0]
    assert snapshot.load(folder, SPACE, DIM).seq == 29
    assert len(listing(folder)) == 3
