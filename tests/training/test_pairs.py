"""Photos with captions, and which side they are on."""

import io
import json
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedstore.errors import Invalid
from embedstore.training.pairs import Photo, _held, pairs_of, photos_of


def karpathy(folder, splits, captions=("a dog", "to the LEFT")):
    (folder / "images").mkdir(exist_ok=True)
    records = [
        {
            "filename": f"{number}.png",
            "split": split,
            "sentences": [{"raw": f"picture {number}"}, {"raw": captions[number % 2]}],
        }
        for number, split in enumerate(splits)
    ]
    path = folder / "data.json"
    path.write_text(json.dumps({"images": records}))
    return path


def jsonl(folder, lines, name="pairs.jsonl"):
    path = folder / name
    path.write_text("\n".join(json.dumps(line) for line in lines))
    return path


def lines(count):
    return [{"image": f"{number}.png", "caption": f"picture {number}"} for number in range(count)]


def test_splits_of_the_data_set_are_kept(tmp_path):
    path = karpathy(tmp_path, ["train", "val", "test", "restval", "val", "train"])
    pairs = pairs_of(path)
    assert [photo.path.name for photo in pairs.train] == ["0.png", "3.png", "5.png"]
    assert [photo.path.name for photo in pairs.val] == ["1.png", "4.png"]
    assert pairs.unseen
    assert [photo.sided for photo in pairs.train] == [False, True, True]
    assert [photo.path.name for photo in photos_of(path, ("restval", "train"))] == [
        "3.png",
        "0.png",
        "5.png",
    ]


def test_the_split_test_is_never_learnt_from(tmp_path, caplog):
    mixed = [line | {"split": "test"} if n % 2 else line for n, line in enumerate(lines(60))]
    pairs = pairs_of(jsonl(tmp_path, mixed))
    assert len(pairs.train) + len(pairs.val) == 30
    assert not any(photo.split for photo in (*pairs.train, *pairs.val))
    assert "30 photos of the split test are left out of training" in caplog.text
    measured = pairs_of(jsonl(tmp_path, mixed), karpathy(tmp_path, ["val", "val"]))
    assert len(measured.train) == 30
    with pytest.raises(Invalid, match=r"test is never learnt from.*name their split train") as one:
        pairs_of(karpathy(tmp_path, ["test", "val", "test", "val"]))
    assert "\n" not in str(one.value)


@pytest.mark.parametrize("name", ["pairs.jsonl", "pairs.csv"])
def test_images_lie_where_they_are_said_to(tmp_path, name):
    (tmp_path / "pairs.csv").write_text("image,caption\n0.png,one\n1.png,two\n/x/2.png,three\n")
    jsonl(tmp_path, [*lines(2), {"image": "/x/2.png", "caption": "three"}])
    pairs = pairs_of(tmp_path / name, images=tmp_path / "elsewhere")
    folder = tmp_path / "elsewhere"
    assert [photo.path for photo in pairs.train] == [
        folder / "0.png",
        folder / "1.png",
        Path("/x/2.png"),
    ]


def test_images_of_the_pairs_or_of_what_is_measured_on(tmp_path):
    folder, shard = tmp_path / "elsewhere", tmp_path / "shard.tar"
    with tarfile.open(shard, "w") as tar:
        for name in ("a.png", "a.txt", "b.png", "b.txt"):
            part = tarfile.TarInfo(name)
            part.size = 5
            tar.addfile(part, io.BytesIO(b"words"))
    path = jsonl(tmp_path, lines(4))
    assert pairs_of(path, shard, folder).train[0].path == folder / "0.png"
    assert pairs_of(shard, path, folder).val[0].path == folder / "0.png"
    with pytest.raises(Invalid, match=r"names none; expected it with .*leave --images out") as one:
        pairs_of(shard, shard, folder)
    assert "\n" not in str(one.value)


def test_without_splits_a_share_is_held_out(tmp_path):
    pairs = pairs_of(jsonl(tmp_path, lines(300)), hold_out=0.1)
    held = {photo.path for photo in pairs.val}
    assert 15 <= len(held) <= 45
    assert not held & {photo.path for photo in pairs.train}
    assert len(held) + len(pairs.train) == 300
    more = pairs_of(jsonl(tmp_path, lines(400)), hold_out=0.1)
    assert held <= {photo.path for photo in more.val}  # a photo stays on its side


@given(st.integers(20, 60), st.floats(0, 0.5))
def test_both_sides_have_photos(count, share):
    photos = [Photo(f"{number}.png", ("x",), key=str(number)) for number in range(count)]
    held = _held(photos, share)
    assert 5 <= len(held) < count - 1


def test_few_photos_are_measured_on_themselves(tmp_path):
    pairs = pairs_of(jsonl(tmp_path, lines(8)))
    assert pairs.train == pairs.val
    assert not pairs.unseen


def test_lines_of_one_image_are_one_photo(tmp_path):
    pairs = pairs_of(
        jsonl(
            tmp_path,
            [
                {"key": "a", "image": "x.png", "caption": "one"},
                {"key": "b", "image": "./x.png", "caption": "two"},
                {"key": "c", "image": "y.png", "caption": "three"},
            ],
        )
    )
    assert [photo.captions for photo in pairs.train] == [("one", "two"), ("three",)]


def test_another_corpus_to_measure_on_is_not_learnt(tmp_path):
    learnt = jsonl(tmp_path, lines(6))
    val = jsonl(tmp_path, lines(4), "val.jsonl")
    pairs = pairs_of(learnt, val)
    assert [photo.path.name for photo in pairs.train] == ["4.png", "5.png"]
    assert len(pairs.val) == 4
    with pytest.raises(Invalid, match=r"0 of its 4 photos are not in .*--val"):
        pairs_of(val, val)


def test_what_cannot_be_used_is_counted(tmp_path, caplog):
    mixed = [*lines(3), {"key": "t", "caption": "no image"}, {"image": "z.png"}]
    assert len(pairs_of(jsonl(tmp_path, mixed)).train) == 3
    assert "1 without an image, 1 without a caption" in caplog.text


@pytest.mark.parametrize(
    ("given_lines", "told"),
    [
        ([{"key": "a", "caption": "x"}, {"key": "b", "caption": "y"}], "2 without an image"),
        ([{"image": "a.png"}, {"image": "b.png", "caption": " "}], "2 without a caption"),
        ([{"image": "a.png", "caption": "alone"}], "1 photo with captions"),
        ([], "no entries"),
    ],
)
def test_pairs_that_cannot_be_learnt(tmp_path, given_lines, told):
    with pytest.raises(Invalid, match=told) as caught:
        pairs_of(jsonl(tmp_path, given_lines))
    assert "\n" not in str(caught.value)


def test_a_split_with_one_photo_has_no_others(tmp_path):
    path = karpathy(tmp_path, ["train", "val", "train"])
    with pytest.raises(Invalid, match="1 photo with captions"):
        pairs_of(path)
    with pytest.raises(Invalid, match="1 photo with captions"):
        photos_of(path, ("val",))
