"""Every subcommand of the benchmark of answers, on few made pictures."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.answers import asked_heads
from benchmarks.answers.commands import NAMES, command


def run(out: Path, name: str, *asked: object) -> tuple[dict, str]:
    words = [name, *map(str, asked), "--out", str(out)]
    done = CliRunner().invoke(command, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    (path,) = (out / "results").glob(f"answers-{name}*.json")
    found: dict = json.loads(path.read_text())
    assert found["command"].startswith(f"python -m benchmarks answers {name}")
    assert f"## {found['title']}" in (out / "RESULTS.md").read_text()
    return found, done.output


def by_generator(found: dict) -> dict[str, dict]:
    return {row["generator"]: row for row in found["table"]}


def test_every_subcommand_is_there():
    for name in NAMES:
        assert "Example: python -m benchmarks answers" in command.get_command(None, name).help


def test_captions_of_walls_that_resemble_others(tmp_path, captions, head):
    asked = [captions, "--encoder", "toy", "--heads", head, "--heads", head]
    found, said = run(tmp_path / "out", "captions", *asked)
    rows = by_generator(found)
    assert rows["consensus"]["CIDEr-D"] > 1  # the colour's own words
    low, high = map(float, rows["consensus"]["95% interval"].split(" to "))
    assert low <= rows["consensus"]["CIDEr-D"] <= high
    assert rows["head"]["CIDEr-D"] < rows["consensus"]["CIDEr-D"]  # it was never trained
    assert rows["head"]["sd of seeds"] == 0  # the same head twice
    assert rows["head"]["over consensus"].startswith("-")
    assert {"nearest", "head, no neighbours", "head, neighbours of another"} <= set(rows)
    assert found["signature"] in said


def test_limit_asks_about_fewer_photos_and_the_cache_encodes_them_once(tmp_path, captions):
    asked = [captions, "--encoder", "toy", "--limit", 5, "--cache", tmp_path / "cache"]
    first, _ = run(tmp_path / "out", "captions", *asked)
    (kept,) = (tmp_path / "cache").iterdir()
    written = kept.stat().st_mtime_ns
    second, _ = run(tmp_path / "out", "captions", *asked)
    assert kept.stat().st_mtime_ns == written
    assert first["table"] == second["table"]
    assert first["notes"][0].startswith("5 photos asked about")


def test_without_weights_the_head_is_left_out_and_said_so(tmp_path, captions, monkeypatch):
    monkeypatch.setattr(asked_heads, "BUNDLED", tmp_path / "nothing")
    asked = [captions, "--encoder", "toy"]
    found, said = run(tmp_path / "out", "captions", *asked)
    assert set(by_generator(found)) == {"nearest", "consensus"}
    assert "left out: head: none is bundled" in said
    for name in ("citations", "speed"):
        done = CliRunner().invoke(command, [name, *map(str, asked)], catch_exceptions=False)
        assert done.exit_code == 0
        assert "nothing to measure" in done.output


def test_questions_beside_answers_that_see_nothing(tmp_path, questions, head):
    asked = [questions, "--encoder", "toy", "--heads", head]
    found, _ = run(tmp_path / "out", "questions", *asked)
    rows = by_generator(found)
    assert rows["consensus"]["accuracy"] == 1  # a wall of a colour is like others of it
    assert rows["question only"]["accuracy"] < 1
    assert rows["majority"]["accuracy"] == 0.5  # always the wall
    assert 0 <= rows["head"]["accuracy"] <= 1


def test_citations_of_both_kinds(tmp_path, captions, questions, head):
    shared = ["--encoder", "toy", "--heads", head, "--limit", 6]
    for kind, asked in (("captions", [captions]), ("questions", [questions, "--questions"])):
        (row,) = run(tmp_path / kind, "citations", *asked, *shared)[0]["table"]
        assert row["abstains without evidence"] == 1
        assert row["citations"] >= row["answers that cite"]
        assert 0 <= row.get("lower without", 0) <= 1


def test_coverage_draws_its_curves(tmp_path, captions, questions, head):
    shared = ["--encoder", "toy", "--heads", head]
    for kind, asked in (("captions", [captions]), ("questions", [questions, "--questions"])):
        found, _ = run(tmp_path / kind, "coverage", *asked, *shared)
        rows = by_generator(found)
        assert set(rows) == {"head", "consensus"}
        assert 0 <= rows["consensus"]["ECE"] <= 1
        (plot,) = (tmp_path / kind / "results").glob("*.png")
        assert f"results/{plot.name}" in found["notes"][-1]


def test_a_certain_generator_gains_nothing_from_coverage(tmp_path, questions, head):
    asked = [questions, "--questions", "--encoder", "toy", "--heads", head]
    row = by_generator(run(tmp_path / "out", "coverage", *asked)[0])["consensus"]
    assert row["accuracy"] == row["accuracy at 50% coverage"] == row["ratio"] == 1


def test_speed_is_split_into_parts(tmp_path, captions, head):
    asked = [captions, "--encoder", "toy", "--heads", head, "--limit", 4]
    rows = {row["part"]: row for row in run(tmp_path / "out", "speed", *asked)[0]["table"]}
    assert list(rows) == ["retrieval", "generation", "confirmation", "caption"]
    assert all(0 <= row["median ms"] <= row["p95 ms"] for row in rows.values())
    assert rows["caption"]["median ms"] > rows["confirmation"]["median ms"]


def test_translations_come_from_pictures_of_the_same(tmp_path, translated):
    asked = [translated, "--encoder", "toy", "--language", "de"]
    table = run(tmp_path / "out", "translations", *asked)[0]["table"]
    rows = {row["from"]: row for row in table}
    assert rows["both"]["exact"] == rows["picture"]["exact"] == 1
    assert rows["both"]["chrF"] == pytest.approx(1)
    assert rows["English copied"]["exact"] == 0
    assert rows["English copied"]["chrF"] < 0.5


def test_an_unknown_language_is_refused(tmp_path, translated):
    asked = [str(translated), "--encoder", "toy", "--language", "xx"]
    done = CliRunner().invoke(command, ["translations", *asked])
    assert done.exit_code == 1
    assert "no held-out picture has a caption in 'xx'" in done.output


def test_a_swapped_store_names_new_things(tmp_path):
    asked = ["--things", 3, "--new", 1, "--steps", 2]
    rows = run(tmp_path / "out", "store-swap", *asked)[0]["table"]
    found = {(row["generator"], row["store"]): row for row in rows}
    assert found["consensus", "new"]["thing"] == 1  # neighbours show the thing
    assert found["consensus", "new"]["colour"] == 0  # in colours that it does not have here
    assert found["head", "old"]["thing"] == 0
    assert len(found) == 6
