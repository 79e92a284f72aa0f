"""Folders and caption files as streams of entries: stable, and unmoved by bad lines."""

import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedstore.corpus import Entry, Failure, decode_all, read
from embedstore.errors import Invalid, NotFound
from embedstore.types import ImagePreprocess


def entries(path: Path, **options: object) -> list[Entry]:
    found = list(read(path, **options).entries)
    assert all(isinstance(one, Entry) for one in found), found
    return found


def failures(path: Path) -> list[Failure]:
    return [one for one in read(path).entries if isinstance(one, Failure)]


def test_a_folder_is_read_in_order_with_all_that_is_in_it(tmp_path: Path, photo) -> None:
    for name in ("b.jpg", "sea/a.png", "sea/deep/c.webp", "a.GIF.png", ".hidden.jpg", ".git/x.jpg"):
        photo(f"trip/{name}")
    (tmp_path / "trip" / "notes.txt").write_text("words")
    (tmp_path / "trip" / "README").write_text("words")
    corpus = read(tmp_path / "trip")
    found = list(corpus.entries)
    assert [one.key for one in found] == [
        "trip/a.GIF.png",
        "trip/b.jpg",
        "trip/sea/a.png",
        "trip/sea/deep/c.webp",
    ]
    assert [one.meta for one in found] == [{"folder": name} for name in ("", "", "sea", "sea/deep")]
    assert corpus.root == "trip"
    assert corpus.skipped == {"hidden": 2, ".txt": 1, "no suffix": 1}


def test_a_prefix_takes_the_place_of_the_name(tmp_path: Path, photo) -> None:
    photo("trip/a.jpg")
    corpus = read(tmp_path / "trip", prefix="2024/trip")
    assert corpus.root == "2024/trip"
    assert [one.key for one in corpus.entries] == ["2024/trip/a.jpg"]


def test_the_name_of_a_folder_given_as_a_dot(tmp_path: Path, photo, monkeypatch) -> None:
    photo("trip/a.jpg")
    monkeypatch.chdir(tmp_path / "trip")
    assert read(".").root == "trip"


def test_one_picture_has_the_key_its_folder_gives(tmp_path: Path, photo) -> None:
    path = photo("trip/a.jpg")
    assert entries(path) == entries(tmp_path / "trip")


def test_links_are_followed_once(tmp_path: Path, photo) -> None:
    photo("root/a/one.jpg")
    photo("elsewhere/two.jpg")
    (tmp_path / "root" / "a" / "up").symlink_to(tmp_path / "root")
    (tmp_path / "root" / "b").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "root" / "c").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "root" / "self").symlink_to("self")
    corpus = read(tmp_path / "root")
    assert [one.key for one in corpus.entries] == ["root/a/one.jpg", "root/b/two.jpg"]
    assert corpus.skipped == {"folder met before": 2, "no suffix": 1}


def test_names_that_are_not_utf8_have_printable_keys_and_open(tmp_path: Path, photo) -> None:
    folder = tmp_path / os.fsdecode(b"\xe9t\xe9")
    folder.mkdir()
    photo().rename(folder / os.fsdecode(b"\xff.jpg"))
    photo().rename(folder / r"\xff.jpg")
    found = list(read(folder).entries)
    assert found[0].key == r"\xe9t\xe9/\xff.jpg"
    found[0].key.encode()
    assert isinstance(found[1], Failure), "two names may print the same"
    (decoded,) = decode_all(found[:1], ImagePreprocess(32), workers=0)
    assert decoded.error is None


def test_an_unreadable_folder_is_a_failure_and_its_neighbours_are_read(
    tmp_path: Path, photo, monkeypatch
) -> None:
    photo("trip/a/x.jpg")
    photo("trip/b/y.jpg")
    scan = os.scandir

    def refuse(path: Path) -> object:
        if path.name == "a":
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    first, second = read(tmp_path / "trip").entries
    assert (first.key, second.key) == ("trip/a", "trip/b/y.jpg")
    assert "cannot be read (Permission denied)" in first.reason


def test_the_stamp_changes_with_the_file_and_only_then(photo, tmp_path: Path) -> None:
    path = photo("trip/a.jpg")
    (before,) = entries(tmp_path / "trip")
    assert entries(tmp_path / "trip") == [before]
    os.utime(path, ns=(1, 1))
    (touched,) = entries(tmp_path / "trip")
    assert touched.stamp != before.stamp
    assert (touched.key, touched.meta) == (before.key, before.meta)


def test_an_empty_folder_has_no_entries(tmp_path: Path) -> None:
    assert list(read(tmp_path).entries) == []


def test_what_is_not_there_or_not_known_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"nothing to read at .*gone: No such file"):
        read(tmp_path / "gone")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(NotFound, match="nothing to read at"):
        read(tmp_path / "loop")
    (tmp_path / "book.pdf").write_text("")
    with pytest.raises(Invalid, match=r"suffix '\.pdf'; expected a folder of pictures, .*\.jsonl"):
        read(tmp_path / "book.pdf")


def test_an_unreadable_caption_file_says_so(tmp_path: Path, monkeypatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    for name in ("a.jsonl", "a.csv", "a.json"):
        (tmp_path / name).write_text("{}")
        with monkeypatch.context() as patch:
            patch.setattr(Path, "open", refuse)
            patch.setattr(Path, "read_bytes", refuse)
            with pytest.raises(NotFound, match=r"a\.\w+: cannot be read \(Permission denied\)"):
                list(read(tmp_path / name).entries)


# jsonl


def write_lines(path: Path, *lines: object) -> Path:
    path.write_text(
        "".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in lines)
    )
    return path


def test_jsonl_lines_become_entries(tmp_path: Path) -> None:
    path = write_lines(
        tmp_path / "birds.jsonl",
        {"image": "a/1.jpg", "caption": "a gull", "year": 2020, "tags": ["sea"]},
        {"image": "/abs/2.jpg", "captions": ["a tern", " ", "a bird"], "key": "tern"},
        {"key": 7, "text": "words " * 10_000},
    )
    one, two, three = entries(path)
    assert (one.key, one.image, one.texts) == ("birds/a/1.jpg", tmp_path / "a/1.jpg", ("a gull",))
    assert one.meta == {"year": 2020, "tags": ["sea"]}
    assert (two.key, two.image, two.texts) == ("tern", Path("/abs/2.jpg"), ("a tern", "a bird"))
    assert (three.key, three.image, three.texts) == ("7", None, ("words " * 10_000,))
    assert [one.key for one in entries(path, prefix="p")] == ["p/a/1.jpg", "p/tern", "p/7"]


BAD_LINES = {
    "{": "is not JSON",
    "[1]": "is a list and not a JSON object",
    '{"image": "a.jpg", "score": NaN}': "NaN is no JSON number",
    "{}": "has no image, and no key to go by",
    '{"caption": "words"}': "has no image, and no key to go by",
    '{"key": "k"}': "has neither image nor caption",
    '{"image": 3}': "has the image 3, which is not a string",
    '{"image": "a.jpg", "caption": 3}': "has caption 3, which is not a string",
    '{"image": "a.jpg", "caption": ["a", null]}': "has captions? None, which is not a string",
    '{"image": "https://example.org/a.jpg"}': "which is an address and not a file",
    '{"image": "a.jpg", "caption": "\\ud800"}': "not Unicode",
    "[" * 100_000: "is not JSON",
}


@pytest.mark.parametrize("line", BAD_LINES, ids=lambda line: line[:40])
def test_a_bad_line_is_a_failure_and_the_next_is_read(line: str, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "birds.jsonl", line, "", {"image": "good.jpg"})
    bad, good = read(path).entries
    assert isinstance(bad, Failure)
    assert bad.reason.startswith("birds.jsonl line 1: ")
    assert re.search(BAD_LINES[line], bad.reason)
    assert good.key == "birds/good.jpg"


def test_a_failure_has_the_key_of_its_item_where_it_is_known(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "birds.jsonl", {"key": "gull", "image": "a.jpg", "caption": 3})
    assert [one.key for one in failures(path)] == ["gull"]


def test_repeated_keys_fail_but_for_the_first(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", *({"key": "k", "text": f"{n}"} for n in range(3)))
    first, *others = read(path).entries
    assert first.texts == ("0",)
    assert ["met before" in one.reason for one in others] == [True, True]


def test_bytes_that_are_not_utf8_fail_in_words_and_serve_in_names(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"image": "\xe9.jpg"}\n{"image": "b.jpg", "caption": "caf\xe9"}\n')
    name, word = read(path).entries
    assert os.fsencode(name.image.name) == b"\xe9.jpg"
    assert name.key == r"a/\xe9.jpg"
    assert "save the file as UTF-8" in word.reason


@settings(max_examples=100, deadline=None)
@given(junk=st.lists(st.binary(max_size=60).filter(lambda line: b"\n" not in line), max_size=6))
def test_whatever_the_lines_hold_the_good_ones_are_read(
    junk: list[bytes], tmp_path_factory
) -> None:
    folder = tmp_path_factory.mktemp("junk")
    good = [b'{"key": "%d", "text": "good"}' % number for number in range(len(junk))]
    for name, head in (("a.jsonl", []), ("a.csv", [b"key,text"])):
        rows = good if name == "a.jsonl" else [b"%d,good" % number for number in range(len(junk))]
        lines = [line for pair in zip(junk, rows, strict=True) for line in pair]
        if name == "a.csv":
            lines = [line.replace(b'"', b"") for line in lines]  # a quote may rightly span lines
        (folder / name).write_bytes(b"\n".join(head + lines))
        found = [one for one in read(folder / name).entries if isinstance(one, Entry)]
        keys = [one.key for one in found if one.texts == ("good",)]
        assert keys == [str(number) for number in range(len(junk))]


# csv


def test_csv_rows_become_entries_with_typed_metadata(tmp_path: Path) -> None:
    path = tmp_path / "birds.csv"
    path.write_text(
        "\ufeffImage,Caption,year,size,code,note\n"
        'a.jpg,"a gull, at sea",2020,1.5,007,\n'
        'b.jpg,"[""one"", ""two""]",-3,1e5,12,x\n'
        "c.jpg,[sic] a tern,,,,\n"
    )
    one, two, three = entries(path)
    assert (one.key, one.texts) == ("birds/a.jpg", ("a gull, at sea",))
    assert one.meta == {"year": 2020, "size": 1.5, "code": "007"}
    assert two.texts == ("one", "two")
    assert two.meta == {"year": -3, "size": "1e5", "code": 12, "note": "x"}
    assert (three.texts, three.meta) == (("[sic] a tern",), {})


def test_neighbouring_rows_of_one_picture_are_one_item(tmp_path: Path) -> None:
    path = tmp_path / "captions.csv"
    path.write_text(
        "image,caption,year\na.jpg,one,1\na.jpg,two,1\nb.jpg,three,1\na.jpg,four,1\nb.jpg,five,2\n"
    )
    one, two, *repeated = read(path).entries
    assert (one.texts, two.texts) == (("one", "two"), ("three",))
    assert all(isinstance(entry, Failure) for entry in repeated)
    assert len(repeated) == 2


def test_tabs_separate_in_tsv(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("image\ttext\na.jpg\tone, two\n")
    assert entries(path)[0].texts == ("one, two",)


def test_bad_rows_are_failures(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("image,caption\na.jpg,one,extra\n,words\n" + "x" * 140_000 + ",y\nb.jpg,two\n")
    found = list(read(path).entries)
    assert [one.reason.split(";")[0] for one in found[:3]] == [
        "a.csv line 2: has 3 cells under 2 columns",
        "a.csv line 3: has no image, and no key to go by",
        "a.csv line 4: is not csv (field larger than field limit (131072))",
    ]
    assert found[3].texts == ("two",)


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "x" * 140_000])
def test_a_table_without_image_and_caption_is_invalid(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(Invalid, match="expected image and/or caption among them"):
        list(read(tmp_path / "a.csv").entries)


# Karpathy json


def karpathy(folder: Path, *images: object) -> Path:
    (folder / "images").mkdir()
    path = folder / "dataset_birds.json"
    path.write_text(json.dumps({"dataset": "birds", "images": images}))
    return path


def test_karpathy_images_have_sentences_and_splits(tmp_path: Path) -> None:
    path = karpathy(
        tmp_path,
        {
            "filename": "1.jpg",
            "split": "train",
            "sentences": [{"raw": "a gull"}, {"raw": "a bird"}],
        },
        {
            "filename": "2.jpg",
            "filepath": "val2014",
            "split": "val",
            "sentences": [{"raw": "a tern"}],
        },
    )
    one, two = entries(path)
    assert (one.key, one.texts, one.meta) == (
        "dataset_birds/1.jpg",
        ("a gull", "a bird"),
        {"split": "train"},
    )
    assert two.image == tmp_path / "images" / "val2014" / "2.jpg"
    assert entries(path, split="val") == [two]
    (tmp_path / "images").rename(tmp_path / "photos")
    assert entries(path, images=tmp_path / "photos")[0].image == tmp_path / "photos" / "1.jpg"
    with pytest.raises(NotFound, match=r"no folder of images at .*; name it with --images"):
        entries(path)
    with pytest.raises(Invalid, match="has no split 'test'; expected one of train, val"):
        entries(path, split="test", images=tmp_path / "photos")


@pytest.mark.parametrize("text", ['{"image": "a/1.jpg", "caption": "x"}', "image\na/1.jpg"])
def test_images_of_caption_files_lie_where_they_are_said_to(tmp_path: Path, text: str) -> None:
    path = tmp_path / ("birds.jsonl" if text.startswith("{") else "birds.csv")
    path.write_text(text)
    own, other = entries(path), entries(path, images=tmp_path / "photos")
    assert own[0].image == tmp_path / "a" / "1.jpg"
    assert other[0].image == tmp_path / "photos" / "a" / "1.jpg"
    assert other[0].key == own[0].key == "birds/a/1.jpg"


@pytest.mark.parametrize("name", ["folder", "shard.tar", "1.jpg"])
def test_a_folder_of_images_for_what_names_none_is_refused(tmp_path: Path, name: str) -> None:
    place = tmp_path / name
    place.mkdir() if name == "folder" else place.touch()
    with pytest.raises(Invalid, match=r"names none; expected it with .*leave --images out") as one:
        read(place, images=tmp_path)
    assert "\n" not in str(one.value)


def test_a_bad_record_is_a_failure(tmp_path: Path) -> None:
    good = {"filename": "1.jpg", "sentences": [{"raw": "a gull"}]}
    bad = [
        3,
        {"filename": "2.jpg"},
        {"filename": "3.jpg", "sentences": [{"raw": 4}]},
        {"sentences": []},
    ]
    path = karpathy(tmp_path, good, *bad, {**good, "filename": "9.jpg"})
    found = list(read(path).entries)
    assert [one.key for one in found if isinstance(one, Entry)] == [
        "dataset_birds/1.jpg",
        "dataset_birds/9.jpg",
    ]
    assert [one.key for one in found if isinstance(one, Failure)] == [
        f"dataset_birds.json image {number}" for number in range(1, 5)
    ]


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "3", '{"images": 3}', '{"annotations": [], "images": [{"id": 1}]}', "[" * 10**5],
)
def test_another_json_is_invalid_and_says_what_is_read(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(
        Invalid, match=r"is not in the Karpathy layout .*write other captions as \.jsonl"
    ):
        list(read(path).entries)


def test_flickr8k_is_read_whole(shared_data: Path) -> None:
    path = shared_data / "flickr8k" / "dataset_flickr8k.json"
    if not path.is_file():
        pytest.skip(f"no Flickr8k at {path}")
    validation = entries(path, split="val")
    assert (len(validation), sum(len(one.texts) for one in validation)) == (1000, 5000)


def test_an_absolute_path_or_a_prefix_with_a_slash_doubles_none(tmp_path: Path, photo) -> None:
    path = photo("trip/a.jpg")
    captions = tmp_path / "notes.jsonl"
    captions.write_text(json.dumps({"image": str(path), "caption": "a hill"}))
    (found,) = entries(captions)
    assert found.key == f"notes{path}"
    assert found.image == path
    assert [one.key for one in entries(tmp_path / "trip", prefix="mine/")] == ["mine/a.jpg"]


def test_no_key_that_a_reader_makes_has_dots_for_a_part(tmp_path: Path, photo, monkeypatch) -> None:
    (tmp_path / "lists" / "deep").mkdir(parents=True)
    photo("photos/a.png")
    lines = [
        {"image": name}
        for name in ("../photos/a.png", "photos/a.png", "./deep/../b.png", "c/./d.png")
    ]
    (tmp_path / "lists" / "all.jsonl").write_text("\n".join(map(json.dumps, lines)))
    monkeypatch.chdir(tmp_path / "lists" / "deep")
    found = [one for path in ("..", "../all.jsonl", "../../photos") for one in read(path).entries]
    keys = [one.key for one in found]
    made = ["all/_up/photos/a.png", "all/photos/a.png", "all/b.png", "all/c/d.png"]
    assert keys == [*made, "photos/a.png"]  # and no two are the same
    assert found[0].image.resolve() == tmp_path / "photos" / "a.png"
