"""Batches: what is in them, and that the seed and the step alone decide it."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from embedstore.errors import BadImage, Invalid, Unavailable
from embedstore.training import kept_views
from embedstore.training.augment import Augment, version_of
from embedstore.training.batches import Batches
from embedstore.training.kept_views import KeptViews
from embedstore.training.pairs import Photo
from embedstore.training.precision import Precision
from embedstore.training.prefetch import prefetched
from embedstore.training.processes import Team
from embedstore.training.recipe import Recipe
from embedstore.training.unreadable import Unreadable
from embedstore.types import ImagePreprocess

CPU = torch.device("cpu")


class Plain(torch.nn.Module):
    """Stands for a Dual whose frozen part gives maps: the pictures, shrunk to a quarter."""

    preprocess = ImagePreprocess(size=32, interpolation="bilinear")

    def __init__(self):
        super().__init__()
        self.norm = torch.nn.BatchNorm2d(3)

    def tokenise(self, texts):
        return torch.tensor([[ord(letter) for letter in text[:4].ljust(4)] for text in texts])

    def normalised(self, pixels):
        return pixels.permute(0, 3, 1, 2) / 255.0

    def lower_images(self, pictures):
        return self.norm(torch.nn.functional.avg_pool2d(pictures, 4))


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    ramp = np.arange(40, dtype=np.uint8).repeat(60).reshape(40, 60)
    made = []
    for number in range(12):
        path = folder / f"{number}.png"
        Image.fromarray(np.dstack([ramp * 5, ramp * 0 + number * 20, ramp])).save(path)
        captions = (f"p{number}", "same text", f"seen {number}")
        made.append(Photo(path, captions[: 1 + number % 3]))
    return made


def made_batches(photos, recipe, rank=0, count=1, views=None):
    unreadable = Unreadable(len(photos))
    return Batches(photos, Plain(), recipe, Team(CPU, rank, count), unreadable, views)


def same(ours, theirs):
    return all(
        torch.equal(getattr(one, part), getattr(other, part))
        for one, other in zip(ours, theirs, strict=True)
        for part in ("images", "ids", "photos", "captions")
    )


def test_each_photo_is_seen_once_an_epoch_with_one_of_its_captions(photos):
    batches = made_batches(photos, Recipe(batch=4))
    assert batches.per_epoch == 3
    steps = list(batches.run(0, 6))
    for epoch in (steps[:3], steps[3:]):
        assert sorted(p for (part,) in epoch for p in part.photos.tolist()) == list(range(12))
    for (part,) in steps:
        assert part.images.shape == (4, 32, 32, 3)
        assert part.images.dtype == torch.uint8
        for photo, caption in zip(part.photos.tolist(), part.captions.tolist(), strict=True):
            assert batches.texts[caption] in photos[photo].captions
    assert [part.photos.tolist() for (part,) in steps[:3]] != [
        part.photos.tolist() for (part,) in steps[3:]
    ]


def test_equal_captions_have_one_id(photos):
    texts = made_batches(photos, Recipe(batch=4)).texts
    assert len(texts) == len(set(texts))
    assert "same text" in texts


@settings(deadline=None, max_examples=8)
@given(first=st.integers(0, 9), seed=st.integers(0, 1000))
def test_a_step_is_the_same_wherever_a_run_begins(photos, first, seed):
    recipe = Recipe(batch=3, accumulate=2, seed=seed)
    whole = list(made_batches(photos, recipe).run(0, 10))
    rest = list(made_batches(photos, recipe).run(first, 10))
    assert all(same(a, b) for a, b in zip(whole[first:], rest, strict=True))


def test_two_processes_share_what_one_has(photos):
    recipe = Recipe(batch=4, accumulate=2)
    (alone,) = made_batches(photos, recipe).run(1, 2)
    parts = [next(made_batches(photos, recipe, rank, 2).run(1, 2)) for rank in (0, 1)]
    for place, whole in enumerate(alone):
        joined = torch.cat([part[place].images for part in parts])
        assert torch.equal(joined, whole.images)
        assert torch.equal(torch.cat([part[place].photos for part in parts]), whole.photos)


def test_a_bad_photo_is_left_out_and_named_once(photos, tmp_path, caplog):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"not a picture")
    some = [*photos, Photo(broken, ("nothing",))]
    batches = made_batches(some, Recipe(batch=13))
    for (part,) in batches.run(0, 3):
        assert part.images.shape[0] == 13
        assert 12 not in part.photos.tolist()
    assert caplog.text.count("left out: ") == 1
    assert "broken.png" in caplog.text


def test_of_many_bad_photos_the_first_are_named(caplog):
    unreadable = Unreadable(100)
    for place in range(40):
        unreadable.add(place, BadImage(f"{place}.png is no picture"))
    assert len(caplog.records) == 11
    assert "9.png" in caplog.text
    assert "10.png" not in caplog.text


def test_mostly_bad_photos_end_the_run(photos, tmp_path):
    some = photos[:2] + [Photo(tmp_path / f"{n}.png", ("gone",)) for n in range(4)]
    with pytest.raises(Invalid, match=r"4 of 6 photos do not decode.*the first: "):
        list(made_batches(some, Recipe(batch=6)).run(0, 4))


@pytest.mark.parametrize(
    ("recipe", "processes", "told"),
    [
        (Recipe(batch=13), 1, "a batch of 13 pairs.*12 photos.*--batch 12"),
        (Recipe(batch=8, accumulate=2), 1, "--batch 6"),
        (Recipe(batch=5), 2, "give --batch 4"),
        (Recipe(accumulate=9), 1, "12 photos.*9 batches a step.*at least 18; lower --accumulate"),
        (Recipe(), 13, "12 photos.*13 process.*at least 13"),
    ],
)
def test_a_batch_that_cannot_be_filled(photos, recipe, processes, told):
    with pytest.raises(Invalid, match=told) as caught:
        made_batches(photos, recipe, 0, processes)
    assert "\n" not in str(caught.value)


def test_without_a_batch_all_of_few_photos_are_taken(photos):
    assert made_batches(photos, Recipe()).batch == 12
    assert made_batches(photos, Recipe(), 0, 5).batch == 10


def test_versions_lie_inside_the_photo_and_are_mirrored_where_no_caption_forbids(photos):
    def lightness(photo, seed):
        rng = np.random.default_rng(seed)
        look = ImagePreprocess(size=32, interpolation="bilinear")
        return version_of(photo, look, Augment(jitter=0.0), rng).astype(int)

    across = np.tile(np.arange(60, dtype=np.uint8) * 4, (60, 1))
    path = photos[0].path.with_name("across.png")
    Image.fromarray(np.dstack([across] * 3)).save(path)
    free, sided = Photo(path, ("a ramp",)), Photo(path, ("a ramp to the right",))
    slopes = [np.diff(lightness(free, seed)[0, :, 0]) for seed in range(20)]
    assert any((slope >= 0).all() for slope in slopes)
    assert any((slope <= 0).all() for slope in slopes)
    assert all((np.diff(lightness(sided, seed)[0, :, 0]) >= 0).all() for seed in range(20))
    spans = [np.ptp(lightness(sided, seed)[0, :, 0]) for seed in range(20)]
    assert 0.55 * 236 <= min(spans) < max(spans) <= 236


def kept(photos, seed=0, count=3, unreadable=None, dual=None):
    views = KeptViews(photos, count, Augment(), seed)
    views.fill(dual or Plain(), Precision(CPU, "float32"), unreadable or Unreadable(len(photos)))
    return views


def test_kept_views_are_the_same_in_every_run_and_differ_by_seed(photos):
    recipe = Recipe(batch=4)
    first = list(made_batches(photos, recipe, views=kept(photos)).run(0, 5))
    again = list(made_batches(photos, recipe, views=kept(photos)).run(0, 5))
    assert all(same(a, b) for a, b in zip(first, again, strict=True))
    other = list(made_batches(photos, recipe, views=kept(photos, seed=1)).run(0, 5))
    assert not all(same(a, b) for a, b in zip(first, other, strict=True))
    assert all(part.lowered and part.images.shape[:2] == (4, 3) for (part,) in first)
    assert {part.images.shape[2] for (part,) in first} <= {6, 8}


def test_keeping_views_moves_no_statistics(photos):
    dual = Plain().train()
    kept(photos, dual=dual)
    assert torch.equal(dual.norm.running_mean, torch.zeros(3))
    assert dual.norm.num_batches_tracked == 0


def test_kept_views_leave_out_bad_photos(photos, tmp_path):
    some = [*photos, Photo(tmp_path / "gone.png", ("x",))]
    unreadable = Unreadable(len(some))
    views = kept(some, unreadable=unreadable)
    batches = Batches(some, Plain(), Recipe(), Team(CPU), unreadable, views)
    assert batches.batch == 12
    for (part,) in batches.run(0, 3):
        assert 12 not in part.photos.tolist()


def test_views_that_do_not_fit_are_refused(photos, monkeypatch):
    monkeypatch.setattr(kept_views, "_free_memory", lambda: 1000)
    with pytest.raises(Unavailable, match=r"3 views of 12 photos.*--views 1"):
        kept(photos)


def test_views_too_small_to_count_are_not_told(photos, capsys):
    kept(photos)
    assert "of memory" not in capsys.readouterr().err


def test_prefetching_keeps_order_and_raises_what_the_work_raises():
    assert list(prefetched(str, [[1, 2], [3], [4, 5]])) == [["1", "2"], ["3"], ["4", "5"]]

    def fails(task):
        raise BadImage(json.dumps(task))

    with pytest.raises(BadImage, match="7"):
        list(prefetched(fails, [[7]]))
