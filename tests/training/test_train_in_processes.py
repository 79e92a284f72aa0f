"""The command in two processes, as `torchrun` starts them, learns what it learns in one."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from api.cli import main

ROOT = Path(__file__).parents[2]
SECONDS = 300  # on a machine that does much else
# Without dropout of any kind: its random numbers differ by process.
TINY = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16},
    "text_cfg": {"context_length": 8, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}


def words(folder: Path, out: Path) -> list[str]:
    own = ("--init", "scratch", "--model", folder / "tiny.json", "--epochs", 4, "--batch", 8)
    more = ("--device", "cpu", "--force", "--patience", 0, "--lr", 0.001, "--out", out)
    return [str(word) for word in ("train", folder / "pairs.jsonl", *own, *more)]


def printed_by_two(arguments: list[str]) -> list[str]:
    """Run the command in two processes and give what each printed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        "GLOO_SOCKET_IFNAME": "lo",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "api.cli", *arguments],
            env=environment | {"RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        told = [process.communicate(timeout=SECONDS) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert [process.returncode for process in processes] == [0, 0], told
    return [stdout for stdout, _ in told]


def figures(out: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [line for line in lines if "loss" in line]


def test_two_processes_train_as_one(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "tiny.json").write_text(json.dumps(TINY))
    with (tmp_path / "pairs.jsonl").open("w") as lines:
        for number in range(8):
            pixels = rng.integers(0, 256, (40, 40, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / f"{number}.png")
            lines.write(json.dumps({"image": f"{number}.png", "caption": f"the {number}"}) + "\n")
    alone, together = tmp_path / "one", tmp_path / "two"
    done = CliRunner().invoke(main, words(tmp_path, alone))
    assert done.exit_code == 0, done.output
    first, second = printed_by_two(words(tmp_path, together))
    assert "recall on val" in first
    assert second == ""
    expected, found = figures(alone), figures(together)
    assert len(found) == 4
    assert found[0]["loss"] == pytest.approx(expected[0]["loss"], rel=1e-5)
    assert found[0]["gradient_norm"] == pytest.approx(expected[0]["gradient_norm"], rel=1e-4)
    # AdamW moves a weight whose gradient is nearly zero by the sign of its rounding error.
    for one, other in zip(found, expected, strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-2)
    reports = [json.loads((out / "report.json").read_text()) for out in (alone, together)]
    assert reports[0]["start"] == reports[1]["start"]
