"""A collection keeps in step with a corpus, whatever the corpus holds."""

import json
import os
import shutil

import pytest

import embedstore
from embedstore import indexing
from embedstore.errors import Conflict, Invalid, NotFound


def counts(report) -> tuple[int, int, int, int, int]:
    return report.added, report.unchanged, report.replaced, report.removed, len(report.failed)


@pytest.fixture
def album(picture, tmp_path):
    for name, colour in (("red", "red"), ("blue", "blue"), ("sub/green", "green")):
        (tmp_path / "pictures" / name).parent.mkdir(parents=True, exist_ok=True)
        picture(f"{name}.jpg", colour)
    return tmp_path / "pictures"


def test_a_second_run_only_touches_what_changed(photos, album, picture):
    assert counts(embedstore.index(photos, album, workers=0)) == (3, 0, 0, 0, 0)
    assert counts(embedstore.index(photos, album, workers=0)) == (0, 3, 0, 0, 0)
    picture("red.jpg", "yellow")
    picture("new.jpg", "black")
    (album / "blue.jpg").unlink()
    assert counts(embedstore.index(photos, album, workers=0)) == (1, 1, 1, 1, 0)
    assert photos.search("yellow", k=1)[0].item.key == "pictures/red.jpg"
    with pytest.raises(NotFound):
        photos.get("pictures/blue.jpg")


def test_what_is_unchanged_is_not_opened(photos, album, monkeypatch):
    embedstore.index(photos, album, workers=0)
    opened = []
    real = indexing.decode_all

    def watched(entries, *arguments, **named):
        for each in real(entries, *arguments, **named):
            opened.append(each.entry.key)
            yield each

    monkeypatch.setattr(indexing, "decode_all", watched)
    embedstore.index(photos, album, workers=0)
    assert opened == []
    os.utime(album / "red.jpg", (1, 1))
    assert counts(embedstore.index(photos, album, workers=0)) == (0, 3, 0, 0, 0)
    assert opened == ["pictures/red.jpg"]
    embedstore.index(photos, album, workers=0)
    assert opened == ["pictures/red.jpg"]


def test_bad_files_are_reported_remembered_and_tried_again(photos, album, picture):
    (album / "text.jpg").write_text("not a picture")
    (album / "empty.jpg").touch()
    report = embedstore.index(photos, album, workers=2)
    assert counts(report) == (3, 0, 0, 0, 2)
    assert {failure.key for failure in report.failed} == {"pictures/text.jpg", "pictures/empty.jpg"}
    assert counts(embedstore.index(photos, album, workers=0)) == (0, 3, 0, 0, 2)
    assert photos.describe()["quarantined"] == 2
    picture("text.jpg", "white")
    assert counts(embedstore.index(photos, album, workers=0, retry=True)) == (1, 3, 0, 0, 1)
    assert photos.describe()["quarantined"] == 1


def test_an_interrupted_run_goes_on_where_it_stopped(photos, album, monkeypatch):
    monkeypatch.setattr(indexing, "BATCH", 1)

    def stop(done, total, rate):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embedstore.index(photos, album, workers=0, progress=stop)
    assert counts(embedstore.index(photos, album, workers=0)) == (1, 2, 0, 0, 0)


def test_progress_reaches_the_total(photos, album):
    (album / "text.jpg").write_text("not a picture")
    seen = []
    embedstore.index(photos, album, workers=0, progress=lambda *told: seen.append(told[:2]))
    assert seen[-1] == (4, 4)


def test_captions_and_metadata_come_from_a_file(photos, album):
    lines = [
        {"key": "r", "image": "red.jpg", "captions": ["a red thing", "crimson"], "year": 2020},
        {"key": "t", "captions": ["only words"], "year": 2021},
    ]
    path = album / "captions.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)) + "\nnot json\n")
    report = embedstore.index(photos, path, workers=0)
    assert counts(report) == (2, 0, 0, 0, 1)
    hit = photos.search("crimson", target="text", k=1, where="year == 2020")[0]
    assert (hit.item.key, hit.text) == ("r", "crimson")
    lines[1]["captions"] = ["other words"]
    path.write_text("\n".join(map(json.dumps, lines)))
    assert counts(embedstore.index(photos, path, workers=0)) == (0, 1, 1, 0, 0)


def test_nothing_is_removed_when_a_folder_is_missing_or_empty(photos, album, tmp_path):
    embedstore.index(photos, album, workers=0)
    moved = album.rename(tmp_path / "elsewhere")
    with pytest.raises(NotFound, match="pictures"):
        embedstore.index(photos, album, workers=0)
    album.mkdir()
    with pytest.raises(Invalid, match="nothing to index"):
        embedstore.index(photos, album, workers=0)
    assert photos.describe()["items"] == 3
    album.rmdir()
    shutil.move(moved, album)
    assert counts(embedstore.index(photos, album, workers=0)) == (0, 3, 0, 0, 0)


def test_nothing_is_removed_while_part_of_the_corpus_cannot_be_read(photos, album):
    path = album / "captions.jsonl"
    lines = [json.dumps({"key": key, "caption": key}) for key in ("one", "two", "three")]
    path.write_text("\n".join(lines))
    embedstore.index(photos, path, workers=0)
    path.write_text("\n".join([lines[0], lines[1][:-3]]))
    report = embedstore.index(photos, path, workers=0)
    assert (report.removed, report.kept, len(report.failed)) == (0, 2, 1)
    path.write_text("\n".join(lines[:2]))
    assert counts(embedstore.index(photos, path, workers=0)) == (0, 2, 0, 1, 0)


def test_two_folders_of_one_name_do_not_replace_each_other(photos, album, tmp_path):
    embedstore.index(photos, album, workers=0)
    other = shutil.copytree(album, tmp_path / "other" / "pictures")
    with pytest.raises(Conflict, match="--prefix"):
        embedstore.index(photos, other, workers=0)
    assert counts(embedstore.index(photos, other, prefix="more", workers=0)) == (3, 0, 0, 0, 0)
    assert photos.describe()["items"] == 6


def test_a_folder_that_moved_keeps_its_keys_and_gets_its_new_paths(photos, album, tmp_path):
    embedstore.index(photos, album, workers=0)
    (tmp_path / "new").mkdir()
    moved = album.rename(tmp_path / "new" / "pictures")
    with pytest.raises(Conflict, match="--moved"):
        embedstore.index(photos, moved, workers=0)
    assert counts(embedstore.index(photos, moved, workers=0, moved=True)) == (0, 0, 3, 0, 0)
    assert photos.get("pictures/red.jpg").image == moved / "red.jpg"


def test_the_splits_of_one_file_do_not_remove_each_other(photos, album):
    images = [
        {"filename": f"{name}.jpg", "split": split, "sentences": [{"raw": name}]}
        for name, split in (("red", "train"), ("blue", "val"))
    ]
    path = album / "dataset.json"
    path.write_text(json.dumps({"images": images}))
    options = {"workers": 0, "images": album}
    assert counts(embedstore.index(photos, path, split="train", **options)) == (1, 0, 0, 0, 0)
    assert counts(embedstore.index(photos, path, split="val", **options)) == (1, 0, 0, 0, 0)
    assert counts(embedstore.index(photos, path, split="train", **options)) == (0, 1, 0, 0, 0)


def test_a_picture_that_is_given_another_file_gets_its_new_path(photos, album):
    path = album / "captions.jsonl"
    path.write_text(json.dumps({"key": "one", "image": "red.jpg"}))
    embedstore.index(photos, path, workers=0)
    (album / "red.jpg").rename(album / "renamed.jpg")
    path.write_text(json.dumps({"key": "one", "image": "renamed.jpg"}))
    assert counts(embedstore.index(photos, path, workers=0)) == (0, 0, 1, 0, 0)
    assert photos.get("one").image == album / "renamed.jpg"


def test_an_item_that_cannot_be_stored_leaves_its_neighbours(photos, album):
    path = album / "captions.jsonl"
    lines = [{"key": str(n), "caption": "words", "n": n} for n in range(5)]
    lines[2]["n"] = 2**70
    path.write_text("\n".join(map(json.dumps, lines)))
    report = embedstore.index(photos, path, workers=0)
    assert counts(report) == (4, 0, 0, 0, 1)
    assert report.failed[0].key == "2"
    assert counts(embedstore.index(photos, path, workers=0)) == (0, 4, 0, 0, 1)
    lines[2]["n"] = 2
    path.write_text("\n".join(map(json.dumps, lines)))
    assert counts(embedstore.index(photos, path, workers=0)) == (1, 4, 0, 0, 0)


def test_a_failure_is_forgotten_when_its_file_is_gone(photos, album):
    bad = album / "bad.jpg"
    bad.write_text("not a picture")
    embedstore.index(photos, album, workers=0)
    bad.unlink()
    embedstore.index(photos, album, workers=0)
    assert photos.describe()["quarantined"] == 0


def test_a_name_that_is_not_utf8_is_indexed_and_opened(photos, album):
    strange = os.fsencode(album) + b"/caf\xe9.jpg"
    shutil.copy(album / "red.jpg", os.fsdecode(strange))
    assert counts(embedstore.index(photos, album, workers=2)) == (4, 0, 0, 0, 0)
    key = "pictures/caf\\xe9.jpg"
    assert os.fsencode(photos.get(key).image) == strange
    assert photos.thumbnail(key, 16)
