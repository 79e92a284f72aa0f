"""Photos with captions, and crops of them."""

import json

import numpy as np
import pytest
from PIL import Image

from embedstore.errors import Invalid
from embedstore.training.pairs import Photo, crop_of, photos_of
from embedstore.types import ImagePreprocess


@pytest.fixture
def dataset(tmp_path):
    (tmp_path / "images").mkdir()
    ramp = np.arange(64, dtype=np.uint8).repeat(64).reshape(64, 64)
    for number in range(4):
        Image.fromarray(np.dstack([ramp, ramp.T, ramp * 0])).save(
            tmp_path / "images" / f"{number}.png"
        )
    records = [
        {
            "filename": f"{number}.png",
            "split": split,
            "sentences": [{"raw": f"picture {number}"}, {"raw": text}],
        }
        for number, (split, text) in enumerate(
            [("train", "a dog"), ("val", "x"), ("train", "to the LEFT"), ("restval", "leftover")]
        )
    ]
    path = tmp_path / "data.json"
    path.write_text(json.dumps({"images": records}))
    return path


def test_splits_are_kept_apart(dataset):
    photos = photos_of(dataset, ("restval", "train"))
    assert [photo.path.name for photo in photos] == ["3.png", "0.png", "2.png"]
    assert photos[1].captions == ("picture 0", "a dog")
    assert [photo.sided for photo in photos] == [False, False, True]


def test_one_photo_has_no_others_to_learn_against(dataset):
    with pytest.raises(Invalid, match="expected at least two"):
        photos_of(dataset, ("val",))


def test_crops_lie_inside_the_photo_and_differ(dataset):
    photo = Photo(dataset.parent / "images" / "0.png", ("x",))
    preprocess = ImagePreprocess(size=64, interpolation="bilinear")
    rng = np.random.default_rng(0)
    crops = [crop_of(photo, preprocess, rng) for _ in range(20)]
    for crop in crops:
        assert crop.shape == (64, 64, 3)
        rows = crop[:, 0, 0].astype(int)
        assert (np.diff(rows) >= 0).all()  # neither mirrored nor turned
        assert 0.6 * 63 - 8 <= rows[-1] - rows[0] <= 63
    assert len({crop.tobytes() for crop in crops}) == 20
