"""The benchmark of training: both commands' tables, with processes that only pretend to train."""

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks import report, training
from embedstore.training.pairs import pairs_of, photos_of

COLOURS = ["red", "green", "blue", "yellow", "black", "white"]


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    records = []
    for colour in COLOURS:
        Image.new("RGB", (40, 30), colour).save(tmp_path / "images" / f"{colour}.png")
        said = [{"raw": f'a {colour} wall, "plain"'}, {"raw": f"all {colour}"}]
        records.append({"filename": f"{colour}.png", "split": "train", "sentences": said})
    path = tmp_path / "made.json"
    path.write_text(json.dumps({"images": records}))
    return path


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def record(name: str, figures: dict[str, object], command: str) -> Path:
        page = tmp_path / "page.md"
        return report.record(name, figures, command, results=tmp_path / "results", page=page)

    monkeypatch.setattr(training, "record", record)
    return tmp_path / "results"


def run(*asked: object) -> None:
    words = [str(one) for one in asked]
    done = CliRunner().invoke(training.command, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output


def test_sides_take_turns_and_the_ratio_is_of_speeds(
    dataset: Path, recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = []

    def block(python: str, side: str, task: training.Task, *_: object) -> dict[str, float]:
        turns.append((python == "theirs", side, task.precision))
        cost = 2.0 if side == "own" else 3.0
        return {"seconds": cost, "cpu": 2 * cost, "peak": 1.0, "ready": 1.0}

    monkeypatch.setattr(training, "block", block)
    run("throughput", dataset, "--peer-python", "theirs", "--rounds", 2, "--batch", 6)
    sides = ["own", "peer", "peer", "own"]
    expected = [
        (side == "peer", side, precision) for precision in ("float32", "bfloat16") for side in sides
    ]
    assert turns == expected
    (row, other) = json.loads((recorded / "training-throughput-small.json").read_text())["table"]
    assert (row["precision"], other["precision"]) == ("float32", "bfloat16")
    assert row["embedstore images/s"] == 6 * 8 / 2.0
    assert row["open_clip_train images/CPU-s"] == 6 * 8 / 6.0
    assert row["ratio (s)"] == row["ratio (CPU-s)"] == "1.50 (1.50 to 1.50)"


def test_memory_is_compared_with_the_small_batch(
    dataset: Path, recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def block(python: str, side: str, task: training.Task, *_: object) -> dict[str, float]:
        assert (task.batch, task.chunk) in ((2, 0), (16, 2))
        return {"seconds": 1.0, "cpu": 1.0, "peak": 100.0 + task.batch, "ready": 50.0}

    monkeypatch.setattr(training, "block", block)
    run("memory", dataset, "--batch", 2)
    (small, great) = json.loads((recorded / "training-memory-ViT-B-32.json").read_text())["table"]
    assert (small["batch"], small["chunk"], small["of the small batch's"]) == (2, 2, 1.0)
    assert (great["batch"], great["chunk"]) == (16, 2)
    assert great["of the small batch's"] == pytest.approx(116 / 102, abs=1e-3)


def test_a_side_that_fails_says_why(tmp_path: Path) -> None:
    task = training.Task("small", "float32", 2, 0, 0, 1, 1, pairs="", out="")
    with pytest.raises(RuntimeError, match=r"nobody ended with code 2.*nobody.py"):
        training.block(sys.executable, "nobody", task, tmp_path, 1)


def test_both_sides_read_the_same_captions(dataset: Path, tmp_path: Path) -> None:
    photos = photos_of(dataset, ("train",))
    read = pairs_of(training.write_pairs(photos, tmp_path / "pairs.csv"), hold_out=0.0)
    assert [one.captions for one in read.train] == [one.captions[:1] for one in photos]
    assert [one.path for one in read.train] == [one.path for one in photos]
