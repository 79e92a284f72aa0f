"""The pool gives what decoding here gives, and loses one picture where a worker is lost."""

import contextlib
import gc
import os
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import xxhash
from PIL import Image

from embedstore.corpus import Decoded, DecodeLimits, Entry, decode_all, default_workers
from embedstore.corpus.entry import entry
from embedstore.corpus.images import load
from embedstore.errors import Unavailable
from embedstore.types import ImagePreprocess

SMALL = ImagePreprocess(32)
Outcome = tuple[str, bytes | None, str | None, str]


def outcome(one: Decoded) -> Outcome:
    pixels = None if one.pixels is None else one.pixels.tobytes()
    return one.entry.key, pixels, None if one.error is None else str(one.error), one.content_hash


def workers_of_this_process() -> list[psutil.Process]:
    return [
        one
        for one in psutil.Process().children()
        if "embedstore.corpus.worker" in " ".join(one.cmdline())
    ]


@pytest.fixture
def mixed(photo, tmp_path: Path) -> list[Entry]:
    """Photos, a text, a broken file and a missing one, more than fit in flight."""
    entries = [entry(f"{n}", photo(f"{n}.png", seed=n)) for n in range(40)]
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    entries[7] = entry("broken", tmp_path / "broken.jpg")
    entries[11] = entry("words", None, ("a caption",))
    entries[33] = entry("missing", tmp_path / "missing.jpg")
    return entries


def test_workers_give_what_this_process_gives_in_order(mixed: list[Entry]) -> None:
    here = [outcome(one) for one in decode_all(mixed, SMALL, workers=0)]
    assert [key for key, *_ in here] == [one.key for one in mixed]
    for workers, ahead in ((1, 3), (2, 16), (3, 128)):
        assert [outcome(one) for one in decode_all(mixed, SMALL, workers, ahead=ahead)] == here
    assert workers_of_this_process() == []


def test_the_hash_is_of_the_file(mixed: list[Entry]) -> None:
    results = {one.entry.key: one for one in decode_all(mixed, SMALL, workers=1)}
    for key in ("0", "broken"):
        data = results[key].entry.image.read_bytes()
        assert results[key].content_hash == xxhash.xxh3_128_hexdigest(data)
    assert [results[key].content_hash for key in ("words", "missing")] == ["", ""]


def test_nothing_to_do_starts_nothing() -> None:
    assert list(decode_all([], SMALL, workers=2)) == []
    texts = [entry(str(number), None, ("words",)) for number in range(300)]
    stream = decode_all(texts, SMALL, workers=2)
    assert [one.entry for one in stream] == texts
    assert default_workers() >= 1


def test_a_slow_picture_is_given_up(endless: Path, photo) -> None:
    entries = [entry(f"{n}", photo(f"{n}.png", seed=n)) for n in range(12)]
    entries[1] = entry("endless", endless)
    limits = DecodeLimits(seconds=0.5)
    results = list(decode_all(entries, SMALL, workers=2, limits=limits))
    assert [one.entry.key for one in results if one.error] == ["endless"]
    assert "endless.jpg: took longer than 0.5 s" in str(results[1].error)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSEGV])
def test_a_killed_worker_loses_only_the_picture_in_hand(
    end: signal.Signals, endless: Path, photo
) -> None:
    entries = [entry(f"{n}", photo(f"{n}.png", seed=n)) for n in range(12)]
    entries[3] = entry("endless", endless)
    stream = decode_all(entries, SMALL, workers=1, limits=DecodeLimits(seconds=60))
    results = [next(stream) for _ in range(3)]  # the worker now holds the endless one
    (worker,) = workers_of_this_process()
    worker.send_signal(end)
    results += stream
    assert [one.entry.key for one in results] == [one.key for one in entries]
    assert [one.entry.key for one in results if one.error] == ["endless"]
    assert f"ended by {end.name}" in str(results[3].error)


def test_memory_is_bounded(tmp_path: Path, photo) -> None:
    Image.new("RGB", (7_000, 7_000)).save(tmp_path / "vast.png")
    entries = [entry("vast", tmp_path / "vast.png"), entry("good", photo())]
    results = list(decode_all(entries, SMALL, workers=1, limits=DecodeLimits(memory=250 << 20)))
    assert "too little memory" in str(results[0].error)
    assert results[1].error is None


def test_workers_that_cannot_start_are_an_error_and_no_loop(photo, monkeypatch) -> None:
    entries = [entry("one", photo())]
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(
        Unavailable, match="ended 3 times before their first picture, at last with code 1"
    ):
        list(decode_all(entries, SMALL, workers=1))
    assert workers_of_this_process() == []


def test_leaving_early_ends_the_workers(mixed: list[Entry]) -> None:
    stream = decode_all(mixed, SMALL, workers=2)
    next(stream)
    assert len(workers_of_this_process()) == 2
    stream.close()
    assert workers_of_this_process() == []


def test_entries_are_read_only_as_far_ahead_as_asked(photo) -> None:
    path = photo()
    read = 0

    def endless_corpus() -> Iterator[Entry]:
        nonlocal read
        while True:
            read += 1
            yield entry(str(read), path)

    stream = decode_all(endless_corpus(), SMALL, workers=1, ahead=16)
    for taken in range(1, 100):
        next(stream)
        assert read <= taken + 16
    stream.close()


def test_memory_stays_flat_as_the_corpus_grows(photo) -> None:
    path = photo()

    def peak(count: int) -> int:
        gc.collect()
        tracemalloc.start()
        for _ in decode_all(
            (entry(str(n), path) for n in range(count)), SMALL, workers=1, ahead=32
        ):
            pass
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(50)
    assert peak(800) < 1.3 * peak(200)


def test_workers_load_no_torch_and_not_the_callers_script(tmp_path: Path, photo) -> None:
    """A script without a main guard works, which multiprocessing would start again and again."""
    script = tmp_path / "script.py"
    script.write_text(
        "print('started')\n"
        "from pathlib import Path\n"
        "from embedstore.corpus import decode_all\n"
        "from embedstore.corpus.entry import entry\n"
        "from embedstore.types import ImagePreprocess\n"
        f"one, = decode_all([entry('a', Path({str(photo())!r}))], ImagePreprocess(32), workers=1)\n"
        "print(one.error)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("started\nNone\n", "")
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, embedstore.corpus.worker; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert not {"torch", "faiss", "sqlalchemy", "fastapi", "click"} & set(loaded)


def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path, photo) -> None:
    script = (
        "import sys, time, psutil\n"
        "from pathlib import Path\n"
        "from embedstore.corpus import decode_all\n"
        "from embedstore.corpus.entry import entry\n"
        "from embedstore.types import ImagePreprocess\n"
        "entries = [entry(str(n), Path(sys.argv[1])) for n in range(20)]\n"
        "stream = decode_all(entries, ImagePreprocess(32), workers=1)\n"
        "next(stream)\n"
        "print(psutil.Process().children()[0].pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, photo()], stdout=subprocess.PIPE, text=True
    ) as parent:
        worker = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    with contextlib.suppress(psutil.NoSuchProcess):
        worker.wait(timeout=20)
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE


def test_names_that_are_not_utf8_are_decoded(tmp_path: Path, photo) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png"))
    photo("plain.png").rename(path)
    (one,) = decode_all([entry("cafe", path)], SMALL, workers=1)
    assert (one.pixels == load(path, SMALL)).all()
