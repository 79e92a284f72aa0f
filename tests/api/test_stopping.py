"""SIGTERM ends any command as Ctrl-C does: a real process, told so and safe."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import embedstore
from api.cli import INTERRUPTED, TERMINATED

WAIT = 60.0


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, TERMINATED), (signal.SIGINT, INTERRUPTED)]
)
def test_a_signal_ends_a_command_in_one_line_and_keeps_what_is_stored(
    tmp_path: Path, number: int, code: int
) -> None:
    Image.new("RGB", (32, 32), "red").save(tmp_path / "red.jpg")
    captions = tmp_path / "captions.jsonl"
    os.mkfifo(captions)  # a caption file that never ends: the command waits in it
    words = ["index", str(tmp_path / "red.jpg"), str(captions), "--encoder", "toy"]
    words += ["--workers", "0", "--store", str(tmp_path / "store")]
    start = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    program = f"{start}from api.cli import main; main()"  # ignored where tests run in background
    with subprocess.Popen(
        [sys.executable, "-c", program, *words], stderr=subprocess.PIPE, text=True
    ) as process:
        with captions.open("w"):  # waits until the command reads it
            process.send_signal(number)
            assert process.wait(WAIT) == code
        told = process.stderr.read()
    assert told == "stopped; what was stored is safe, the same command goes on there\n"
    with embedstore.open(tmp_path / "store") as store:
        assert len(store.collection("photos").items()) == 1
