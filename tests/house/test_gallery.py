"""The sample gallery is whole: photos, captions, attribution and demo queries agree."""

import json

import pytest
from PIL import Image

from embedstore.gallery import DEMO_QUERIES, corpus

LINES = [json.loads(line) for line in corpus().read_text(encoding="utf-8").splitlines()]
ATTRIBUTION = json.loads(corpus().with_name("attribution.json").read_text(encoding="utf-8"))
PHOTOS = sorted(path.name for path in corpus().with_name("photos").iterdir())


def test_each_photo_has_one_line_and_one_attribution():
    assert len(PHOTOS) == 124
    assert sorted(line["key"] for line in LINES) == PHOTOS
    assert sorted(entry["file"] for entry in ATTRIBUTION) == PHOTOS
    assert all(line["image"] == f"photos/{line['key']}" for line in LINES)


def test_captions_are_short_and_unlike_each_other():
    captions = [caption for line in LINES for caption in line["captions"]]
    assert len(captions) == len({caption.casefold() for caption in captions}) == len(LINES)
    assert [caption for caption in captions if not 3 <= len(caption.split()) <= 25] == []


@pytest.mark.parametrize("line", LINES, ids=lambda line: line["key"])
def test_photo_is_small_and_described_truly(line):
    with Image.open(corpus().parent / line["image"]) as photo:
        photo.load()
        assert (photo.format, photo.mode) == ("JPEG", "RGB")
        assert photo.size == (line["width"], line["height"])
        assert max(photo.size) <= 640
    assert line.get("time", "day") in ("day", "dusk", "night")
    assert isinstance(line.get("indoors", False), bool)


def test_metadata_repeats_the_attribution():
    terms = {entry["file"]: entry for entry in ATTRIBUTION}
    for line in LINES:
        credit = {name: line[name] for name in ("author", "licence", "source")}
        assert {"file": line["key"], **credit} == terms[line["key"]]
        assert line["licence"] in ("public domain", "CC0")
        assert credit["author"]
        assert credit["source"]


def test_gallery_stays_small_enough_to_ship():
    folder = corpus().with_name("photos")
    assert sum((folder / name).stat().st_size for name in PHOTOS) < 5_000_000


def test_readme_names_every_subject():
    readme = corpus().with_name("README.md").read_text(encoding="utf-8")
    subjects = {line["subject"] for line in LINES}
    assert [subject for subject in subjects if f"`{subject}`" not in readme] == []


def test_demo_queries_expect_photos_that_are_there():
    assert len(DEMO_QUERIES) == len({query.text for query in DEMO_QUERIES}) == 8
    for query in DEMO_QUERIES:
        assert query.expected, query
        assert len(set(query.expected)) == len(query.expected), query
        assert set(query.expected) <= set(PHOTOS), query
