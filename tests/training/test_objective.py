"""What training minimises: choices, weights, refusals; which texts fit which pictures."""

import dataclasses
import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import normalize

from embedstore.errors import Invalid
from embedstore.training import losses
from embedstore.training.objective import Objective, positives_of

PAIRS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=10)
SCALE, BIAS = torch.tensor(2.0), torch.tensor(-3.0)
POSITIVES = torch.tensor([[1, 1, 0], [0, 1, 0], [0, 0, 1]]).bool()


@pytest.fixture
def rows():
    torch.manual_seed(0)
    return [normalize(torch.randn(3, 5), dim=1) for _ in range(4)]


@given(PAIRS)
def test_a_text_fits_a_picture_where_some_row_pairs_them(pairs):
    photos, captions = (torch.tensor(part) for part in zip(*pairs, strict=True))
    fitting = positives_of(photos * 1000 - 7, captions)
    expected = [[(photo, caption) in pairs for _, caption in pairs] for photo, _ in pairs]
    assert fitting.tolist() == expected
    assert fitting.diagonal().all()


def test_positives_of_captions_photos_and_both():
    # Photo 1 twice; photos 1 and 2 with one caption; and so text 1 fits picture 0, and
    # texts 0 fits picture 1, but text 0 is no known caption of photo 2.
    fitting = positives_of(torch.tensor([1, 1, 2, 3]), torch.tensor([5, 6, 6, 8]))
    assert fitting.int().tolist() == [[1, 1, 1, 0], [1, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 1]]


def test_losses_are_chosen_by_name(rows):
    images, texts, *_ = rows
    chosen = {
        name: Objective(loss=name)(images, texts, SCALE, BIAS, POSITIVES)
        for name in ("info_nce", "multi_positive", "sigmoid")
    }
    assert torch.equal(chosen["info_nce"], losses.info_nce(images, texts, SCALE))
    assert torch.equal(
        chosen["multi_positive"], losses.multi_positive(images, texts, SCALE, POSITIVES)
    )
    assert torch.equal(chosen["sigmoid"], losses.sigmoid(images, texts, SCALE, BIAS, POSITIVES))


def test_hard_negatives_of_info_nce_know_one_positive(rows):
    images, texts, *_ = rows
    own = torch.eye(3).bool()
    loss = Objective("info_nce", hard_negatives=0.5)(images, texts, SCALE, BIAS, POSITIVES)
    assert torch.equal(loss, losses.multi_positive(images, texts, SCALE, own, 0.5))


def test_a_teacher_adds_by_its_weights(rows):
    images, texts, *teacher = rows
    plain = Objective()(images, texts, SCALE, BIAS, POSITIVES)
    both = Objective(distill=2.0, distill_features=3.0, teacher_scale=50.0)
    expected = (
        plain
        + 2.0 * losses.distil_scores(images, texts, SCALE, *teacher, 50.0)
        + 3.0 * losses.distil_features(images, texts, *teacher)
    )
    assert torch.allclose(both(images, texts, SCALE, BIAS, POSITIVES, *teacher), expected)
    assert both.needs_teacher
    assert not Objective().needs_teacher


def test_a_missing_teacher_is_refused(rows):
    images, texts, *_ = rows
    with pytest.raises(Invalid, match=r"^distill is 1 [^\n]*no vectors of a teacher[^\n]*$"):
        Objective(distill=1.0)(images, texts, SCALE, BIAS, POSITIVES)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "triplet"}, "unknown loss 'triplet'; choose one of info_nce, multi_positive"),
        ({"distill": -1.0}, "distill is -1.0; expected 0"),
        ({"distill_features": float("nan")}, "distill_features is nan"),
        ({"hard_negatives": float("inf")}, "hard_negatives is inf"),
        ({"teacher_scale": 0.0}, "teacher_scale is 0.0"),
        ({"loss": "sigmoid", "hard_negatives": 0.5}, "hard_negatives is 0.5 and the loss is sig"),
    ],
)
def test_what_cannot_be_minimised_is_refused(options, message):
    with pytest.raises(Invalid, match=message) as error:
        Objective(**options)
    assert "\n" not in str(error.value)


def test_written_as_json_and_read_again():
    objective = Objective("sigmoid", distill=0.5)
    assert Objective(**json.loads(json.dumps(dataclasses.asdict(objective)))) == objective
