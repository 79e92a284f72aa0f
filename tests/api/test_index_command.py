"""`embedstore index`: many paths, odd names, failures, prompts."""

import json
import os
import re

import pytest
from click.testing import CliRunner
from PIL import Image

import embedstore
from api.cli import EXIT_CODES, main


@pytest.fixture
def run(tmp_path):
    def call(*words: object, code: int = 0):
        spoken = [str(word) for word in ("index", *words, "--encoder", "toy", "--workers", "0")]
        done = CliRunner().invoke(main, spoken, env={"EMBEDSTORE_STORE": str(tmp_path / "store")})
        assert done.exit_code == code, done.output
        return done

    return call


@pytest.fixture
def album(tmp_path):
    folder = tmp_path / "album"
    folder.mkdir()
    Image.new("RGB", (32, 32), "red").save(folder / "red.jpg")
    return folder


def test_a_mistyped_path_leaves_no_store(run, album, tmp_path):
    told = run(album, tmp_path / "albun", code=EXIT_CODES["NotFound"]).stderr
    assert "albun" in told
    assert not (tmp_path / "store").exists()


def test_an_error_at_one_path_keeps_the_reports_before_it(run, album, tmp_path):
    (tmp_path / "empty").mkdir()
    done = run(album, tmp_path / "empty", code=EXIT_CODES["Invalid"])
    assert "1 added" in done.stdout
    assert "nothing to index" in done.stderr
    done = run(album, tmp_path / "empty", "--json", code=EXIT_CODES["Invalid"])
    assert json.loads(done.stdout)[str(album)]["unchanged"] == 1
    assert "nothing to index" in done.stderr


def test_a_folder_whose_name_is_not_utf_8_is_shown_escaped(run, tmp_path):
    folder = tmp_path / "cli\udcff"
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    (folder / "bad\udcfe.jpg").write_bytes(b"no picture")
    Image.new("RGB", (32, 32), "red").save(os.fsencode(folder / "red.jpg"))
    assert r"cli\xff: 1 added" in run(folder).stdout
    done = run(folder, "--json", "--retry")
    (name,) = json.loads(done.stdout)
    assert name == str(tmp_path / r"cli\xff")


def test_failures_say_how_to_go_on(run, album):
    (album / "bad.jpg").write_bytes(b"no picture")
    told = run(album).stdout
    assert "1 failed: fix the cause, then run again with --retry" in told
    assert told.count("run again") == 1


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_nothing_indexed_is_an_error_and_leaves_no_collection(run, tmp_path, more):
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    done = run(tmp_path / "bad.jpg", *more, code=EXIT_CODES["Invalid"])
    assert "bad.jpg" in done.stdout
    assert done.stderr == (
        "error: nothing was indexed, 1 failed: fix the cause, then run again with --retry\n"
    )
    with embedstore.open(tmp_path / "store") as store:
        assert not store.collections()


def test_pictures_that_lie_elsewhere_are_told_with_the_cure(run, album, tmp_path):
    captions = tmp_path / "captions.jsonl"
    captions.write_text('{"image": "red.jpg", "caption": "red"}\n')
    told = run(captions, code=EXIT_CODES["Invalid"]).stderr
    assert "names start from the caption file's own folder" in told
    assert "--images FOLDER" in told
    assert "1 added" in run(captions, "--images", album).stdout
    captions.write_text('{"image": "red.jpg"}\n{"image": "gone.jpg"}\n{"key": "x", "text": "y"}\n')
    assert f"names start from {album}" in run(captions, "--images", album).stdout


def test_prompts_are_set_when_a_collection_is_made(run, album, tmp_path):
    run(album, "--prompt", "a photo of {}", "--prompt", "{}")
    run(album, "--prompt", "a photo of {}", "--prompt", "{}")
    told = run(album, "--prompt", "a sketch of {}", code=EXIT_CODES["Conflict"]).stderr
    assert "['a photo of {}', '{}']" in told
    run(album, "-c", "other", "--prompt", "no place", code=EXIT_CODES["Invalid"])


def test_a_collection_that_a_failed_run_made_goes_again(run, album, tmp_path):
    (tmp_path / "empty").mkdir()
    run(album)
    run(tmp_path / "empty", "-c", "new", code=EXIT_CODES["Invalid"])
    run(tmp_path / "empty", album, code=EXIT_CODES["Invalid"])
    run(album, tmp_path / "empty", "-c", "half", code=EXIT_CODES["Invalid"])
    with embedstore.open(tmp_path / "store") as store:
        assert [each.name for each in store.collections()] == ["half", "photos"]


def test_a_log_shows_that_work_goes_on(run, album, monkeypatch):
    monkeypatch.setattr("api.progress.EVERY", 0.0)
    (album / "bad.jpg").write_bytes(b"no picture")
    first, last = run(album).stderr.splitlines()
    assert first.endswith("album: 1 of 2")  # a rate is not told from the first
    assert last.endswith("album: 2 of 2")  # nor so soon
    monkeypatch.setattr("embedstore.pace.SETTLED", 0.0)
    assert re.search(r"album: 2 of 2, [\d.]+/s, 0 s left", run(album, "--retry").stderr)


def test_a_log_is_not_flooded(run, album):
    assert run(album).stderr == ""
