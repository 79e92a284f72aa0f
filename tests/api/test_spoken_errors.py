"""Errors of the command line speak of what a person typed, and advise what can be done there."""

import errno
import json

import pytest
from click.testing import CliRunner
from PIL import Image

from api.cli import EXIT_CODES, main
from api.output import print_hits
from embedstore import Hit, Item

USAGE = 2


@pytest.fixture
def run(tmp_path):
    def call(*words: object, code: int = 0) -> str:
        spoken, env = [str(word) for word in words], {"EMBEDSTORE_STORE": str(tmp_path / "store")}
        done = CliRunner().invoke(main, spoken, env=env)
        assert done.exit_code == code, done.output
        return done.output

    Image.new("RGB", (32, 32), "red").save(tmp_path / "red.jpg")
    call("index", tmp_path / "red.jpg", "--encoder", "toy", "--workers", "0", "--prefix", "a")
    return call


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ([], USAGE, "give words, --image PICTURE or --like KEY"),
        (["x", "--text-weight", "3"], EXIT_CODES["Invalid"], "error: --text-weight is 3"),
        (["x", "--min-score", "1", "--target", "both"], EXIT_CODES["Invalid"], "--min-score is"),
        (["--like", "gone"], EXIT_CODES["NotFound"], "no item 'gone' in collection 'photos'"),
    ],
)
def test_a_query_is_told_in_options(run, words, code, told):
    assert told in run("search", *words, code=code)


def test_a_hidden_option_is_not_suggested(run):
    told = run("search", "x", "--wher", "a == 1", code=USAGE)
    assert "--where" in told
    assert "--term" not in told


def test_a_picture_to_search_with_is_to_be_another_one(run, tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    for picture in (tmp_path, tmp_path / "bad.jpg"):
        told = run("search", "--image", picture, code=EXIT_CODES["Invalid"])
        assert "give another picture" in told
        assert "remove" not in told


@pytest.mark.parametrize(
    ("number", "advice"), [(errno.EACCES, "choose another folder"), (errno.ENOSPC, "make room")]
)
def test_a_backup_says_what_helps(run, tmp_path, monkeypatch, number, advice):
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr("embedstore.backup.tempfile.TemporaryDirectory", refuse)
    assert advice in run("backup", tmp_path / "a.zip", code=EXIT_CODES["StorageFull"])


def test_a_backup_says_that_it_replaced_one(run, tmp_path):
    assert run("backup", tmp_path / "a.zip").startswith("wrote ")
    assert run("backup", tmp_path / "a.zip").startswith("replaced ")


def test_settings_are_shown_without_python_words(run):
    told = run("serve", "--show-settings")
    assert "None" not in told
    assert "()" not in told
    assert json.loads(run("serve", "--show-settings", "--json"))["origin"]["value"] == []


@pytest.mark.parametrize(("columns", "whole"), [(None, True), ("80", True), ("30", False)])
def test_keys_can_be_copied(capsys, monkeypatch, columns, whole):
    key = "holiday/" + "long/" * 6 + "a.jpg"
    if columns is not None:
        monkeypatch.setattr("sys.stdout.isatty", lambda: True)
        monkeypatch.setenv("COLUMNS", columns)
    print_hits([Hit(Item(key, texts=("some words " * 30,)), 0.5, 1)])
    lines = capsys.readouterr().out.splitlines()
    assert any(key in line for line in lines) == whole
    assert columns is not None or len(lines) == 5  # blank, head, rule, row, blank
