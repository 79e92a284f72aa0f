"""`embedstore watch`: a real folder, a real process, bounded waits."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

import embedstore
from api.cli import EXIT_CODES, INTERRUPTED, TERMINATED, main

WAIT = 60.0
signal.signal(
    signal.SIGINT, signal.default_int_handler
)  # ignored where tests run in the background


@pytest.fixture
def album(tmp_path: Path) -> Path:
    folder = tmp_path / "album"
    folder.mkdir()
    Image.new("RGB", (32, 32), "red").save(folder / "red.jpg")
    return folder


@pytest.fixture
def watching(album: Path):
    """Watch the album, with the store inside it, in a process of its own."""
    command = [sys.executable, "-m", "api.cli", "watch", str(album), "--json", "--encoder", "toy"]
    command += ["--workers", "0", "--store", str(album / "store")]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        yield process
        process.kill()


def test_a_collection_follows_its_folder(watching: subprocess.Popen, album: Path) -> None:
    assert json.loads(watching.stdout.readline())["added"] == 1
    Image.new("RGB", (32, 32), "blue").save(album / "blue.jpg")
    assert json.loads(watching.stdout.readline())["added"] == 1
    (album / "bad.jpg").write_bytes(b"no picture")
    (failed,) = json.loads(watching.stdout.readline())["failed"]
    assert failed["key"] == "album/bad.jpg"
    (album / "red.jpg").unlink()
    told = json.loads(watching.stdout.readline())
    assert (told["removed"], told["failed"]) == (1, [])  # the bad one is not told again
    with embedstore.open(album / "store") as store:
        assert [each.key for each in store.collection("photos").items().values()] == [
            "album/blue.jpg"
        ]
    watching.send_signal(signal.SIGTERM)
    assert watching.wait(WAIT) == TERMINATED
    told = watching.stderr.read()
    assert "watching" in told
    assert "what was stored is safe" in told
    assert "Traceback" not in told


def test_an_emptied_folder_removes_nothing_and_ctrl_c_ends(
    watching: subprocess.Popen, album: Path
) -> None:
    assert json.loads(watching.stdout.readline())["added"] == 1
    (album / "red.jpg").unlink()
    lines = iter(watching.stderr.readline, "")
    assert "nothing to index" in next(line for line in lines if line.startswith("not now: "))
    Image.new("RGB", (32, 32), "blue").save(album / "blue.jpg")
    told = json.loads(watching.stdout.readline())
    assert (told["added"], told["removed"]) == (1, 1)
    watching.send_signal(signal.SIGINT)
    assert watching.wait(WAIT) == INTERRUPTED


def test_it_rests_while_nothing_changes(watching: subprocess.Popen, album: Path) -> None:
    assert json.loads(watching.stdout.readline())["added"] == 1
    time.sleep(2.0)
    before = _cpu(watching.pid)
    time.sleep(1.5)
    assert _cpu(watching.pid) - before < 0.5  # its own writes into the store do not wake it


def _cpu(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100.0


def test_a_mistyped_folder_leaves_no_store(tmp_path: Path) -> None:
    words = ["watch", str(tmp_path / "albun"), "--store", str(tmp_path / "store")]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == EXIT_CODES["NotFound"]
    assert "no folder at" in done.output
    assert not (tmp_path / "store").exists()
