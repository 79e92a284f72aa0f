"""The benchmark of the index: its parts' laws, and every subcommand on few made vectors."""

import json
import sys
from itertools import pairwise
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from benchmarks.ann import plot
from benchmarks.ann.commands import NAMES, command
from benchmarks.ann.data import prepared
from benchmarks.ann.entrant import Entrant, RunningSide, SideFailed
from benchmarks.ann.options import entrants
from benchmarks.ann.sides.base import Search, one_by_one, steps
from benchmarks.ann.sweep import Point, best, cheapest
from benchmarks.ann.truth import exact, recall

POINTS = st.lists(
    st.builds(Point, st.just({}), st.floats(0, 1), st.floats(1, 1e4), st.just(1.0)), min_size=1
)


def run(out: Path, name: str, *asked: object) -> dict:
    words = [name, *map(str, asked), "--out", str(out)]
    done = CliRunner().invoke(command, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    (path,) = (out / "results").glob(f"ann-{name}-*.json")
    found: dict = json.loads(path.read_text())
    assert found["command"].startswith(f"python -m benchmarks ann {name} ")
    assert f"## {found['title']}" in (out / "RESULTS.md").read_text()
    return found


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_every_subcommand_is_there() -> None:
    for name in NAMES:
        assert "Example: python -m benchmarks ann" in command.get_command(None, name).help


@pytest.mark.parametrize("share", [1.0, 0.3, 0.002])
def test_truth_is_what_sorting_all_scores_gives(tmp_path: Path, share: float) -> None:
    dice = np.random.default_rng(3)
    rows = unit(dice.normal(size=(70_000, 4))).astype(np.float16)  # more than a block
    queries = unit(dice.normal(size=(5, 4)))
    np.save(tmp_path / "rows.npy", rows)
    allow = dice.random(len(rows)) < share
    scores = np.where(allow, queries @ rows.astype(np.float32).T, -np.inf)
    found = exact(tmp_path / "rows.npy", queries, 10, None if share == 1 else allow)
    expected = np.sort(scores, axis=1)[:, ::-1][:, :10]
    np.testing.assert_allclose(np.take_along_axis(scores, found, 1), expected, atol=1e-6)


def test_recall_counts_only_what_there_is_to_find() -> None:
    true = np.array([[1, 2, -1], [3, 4, 5]])
    assert recall(np.array([[2, 1, -1], [3, 9, 4]]), true) == pytest.approx(4 / 5)
    assert recall(np.array([[-1, -1, -1], [3, 4, 5]]), true) == pytest.approx(3 / 5)


@given(POINTS, st.floats(0, 1))
def test_the_cheapest_setting_reaches_the_target_for_least(points: list, target: float) -> None:
    reaching = [each.cpu for each in points if each.recall >= target]
    found = cheapest(points, target)
    assert (found is None) == (not reaching)
    if found is not None:
        assert found.recall >= target
        assert found.cpu == min(reaching)
    else:
        assert best(points, target).recall == max(each.recall for each in points)


@given(POINTS)
def test_the_frontier_is_what_nothing_beats(points: list) -> None:
    front = plot.frontier(points)
    for each in points:
        assert any(one.recall >= each.recall and one.cpu <= each.cpu for one in front)
    for one, other in pairwise(front):
        assert one.recall <= other.recall
        assert one.cpu < other.cpu


def test_entrants_are_read_from_the_command_line() -> None:
    both = entrants(["hnswlib=/x/python", "scann:leaves2=/y/python"])
    assert [(each.name, each.python) for each in both] == [
        ("hnswlib M16", "/x/python"),
        ("hnswlib M32", "/x/python"),
        ("scann leaves2", "/y/python"),
    ]
    for wrong in ("nobody=/x/python", "hnswlib"):
        with pytest.raises(click.BadParameter, match=r"NAME=PYTHON with one of faiss"):
            entrants([wrong])


def test_one_by_one_fills_up_with_none() -> None:
    asked = Search(np.arange(6, dtype=np.float32).reshape(3, 2), 3, {}, threads=2)
    found = one_by_one(lambda query: [int(query[0])] * int(query[0]), asked)
    assert found.tolist() == [[-1, -1, -1], [2, 2, -1], [4, 4, 4]]
    assert steps("ef", [8, 64, 16, 99], 32) == [{"ef": 8}, {"ef": 16}, {"ef": 32}]


def test_a_side_that_fails_says_why() -> None:
    with (
        RunningSide(Entrant("nobody", "x", sys.executable)) as side,
        pytest.raises(SideFailed, match=r"nobody x ended with code 1 at 'memory'.*ModuleNotFound"),
    ):
        side.memory_mib()


def test_real_vectors_grow_by_mixes_and_shrink_by_projection(tmp_path: Path) -> None:
    (tmp_path / "data" / "images").mkdir(parents=True)
    photos = []
    for number, colour in enumerate([(210, 20, 20), (20, 160, 20), (20, 20, 210), (200, 200, 0)]):
        Image.new("RGB", (40, 30), colour).save(tmp_path / "data" / "images" / f"{number}.png")
        said = [{"raw": f"wall {number}"}, {"raw": f"all of {number}"}]
        split = "train" if number == 3 else "val"
        photos.append({"filename": f"{number}.png", "split": split, "sentences": said})
    dataset = tmp_path / "data" / "made.json"
    dataset.write_text(json.dumps({"images": photos}))
    real = tmp_path / "real"
    asked = ["vectors", str(dataset), "--out", str(real), "--encoder", "toy", "--crops", "3"]
    done = CliRunner().invoke(command, asked, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    images = np.load(real / "images.npy")
    assert images.shape[0] == 4 * 3
    assert np.load(real / "text_val.npy").tolist() == [True] * 6 + [False] * 2
    for dim in (images.shape[1], 8):
        work = tmp_path / str(dim)
        work.mkdir()
        data = prepared(real, 50, dim, work, 10, 7)
        rows = np.load(data.vectors)
        assert rows.shape == (50, dim)
        assert rows.dtype == np.float16
        np.testing.assert_allclose(np.linalg.norm(rows.astype(np.float32), axis=1), 1, atol=2e-3)
        assert len(np.load(data.sweep)) == 4  # two photos' captions: no photo is in both halves
        assert len(np.load(data.timed)) == 2
        assert "38 rows that are made" in data.about
    plain = np.load(tmp_path / str(images.shape[1]) / "vectors.npy")[:12]
    np.testing.assert_allclose(plain.astype(np.float32), images.astype(np.float32), atol=2e-3)


def test_peers_are_timed_in_turns_and_who_is_missing_is_named(tmp_path: Path) -> None:
    peers = ["--peer", f"faiss:M16={sys.executable}", "--peer", f"usearch:M16={sys.executable}"]
    small = ["--rows", 3000, "--dim", 16, "--queries", 40, "--sweep", 20, "--block", 10]
    told = [*small, "--repeats", 2, "--own", "ivf_flat", "--target", 0.5, *peers]
    found = run(tmp_path, "peers", *told)
    assert {row["index"] for row in found["table"]} == {"embedstore ivf_flat", "faiss M16"}
    for row in found["table"]:
        assert 0.3 < row["recall"] <= 1
        assert row["CPU us, one a call"] > 0
        own = row["index"].startswith("embedstore")
        times = row["x own, one a call"]  # a peer may by chance be as fast
        assert times == 1 if own else times > 0
    assert any("usearch M16 ended with code 1 at 'build'" in note for note in found["notes"])
    assert set(found["curves"]) == {"embedstore ivf_flat", "faiss M16"}
    (picture,) = (tmp_path / "results").glob("*.png")
    assert f"](results/{picture.name})" in (tmp_path / "RESULTS.md").read_text()


def test_the_tuner_takes_part(tmp_path: Path) -> None:
    small = ["--rows", 1500, "--dim", 16, "--queries", 60, "--sweep", 20, "--block", 10]
    found = run(tmp_path, "peers", *small, "--repeats", 1, "--target", 0.7)
    (row,) = found["table"]
    assert row["index"] == "embedstore tuned"
    assert row["recall"] >= 0.6
    assert row["setting"].startswith("kind=")


def test_exact_search_is_held_against_reading(tmp_path: Path) -> None:
    small = ["--rows", 1000, "--dim", 16, "--queries", 64, "--repeats", 2]
    found = run(tmp_path, "exact", *small)
    assert [row["batch"] for row in found["table"]] == [1, 16, 32, 64, 128, 256, 512]
    single = found["table"][0]
    assert single["over the read"] == pytest.approx(single["embedstore ms"] / single["read ms"])


def test_filters_are_measured_at_every_share(tmp_path: Path) -> None:
    small = ["--rows", 2000, "--dim", 16, "--queries", 10, "--sweep", 5, "--block", 5]
    found = run(tmp_path, "filters", *small, "--repeats", 2)
    assert len(found["table"]) == 2 * 4 * 2
    assert all(row["recall"] >= 0.9 for row in found["table"])
    assert [row["x collection"] for row in found["table"][::2]] == [1.0] * 8


def test_filters_take_only_what_can_filter(tmp_path: Path) -> None:
    done = CliRunner().invoke(command, ["filters", "--peer", "usearch=python"])
    assert done.exit_code == 2
    assert "usearch has no filters here; lancedb, milvus, qdrant have" in done.output


def test_growth_is_measured_in_processes_of_their_own(tmp_path: Path) -> None:
    small = ["--rows", 500, "--rows", 1000, "--dim", 16, "--queries", 20, "--repeats", 1]
    found = run(tmp_path, "scale", *small)
    assert [row["vectors"] for row in found["table"]] == [500, 1000]
    assert all(row["recall"] >= 0.9 and row["open s"] < 10 for row in found["table"])
    assert (tmp_path / "results" / "ann-scale-16.png").exists()


def test_what_a_collection_adds_is_measured(tmp_path: Path) -> None:
    found = run(tmp_path, "overhead", "--rows", 1000, "--dim", 16, "--queries", 10, "--repeats", 1)
    assert [row["filter"] for row in found["table"]] == ["none", "none", "1 of 2", "1 of 20"]
    assert [row["asked"] for row in found["table"]] == ["first", "again", "again", "again"]
