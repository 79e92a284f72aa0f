"""Each loss by hand, by finite differences, and by its symmetries."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck
from torch.nn.functional import normalize

from embedstore.errors import Invalid
from embedstore.training.losses import (
    LARGEST_SCALE,
    distil_features,
    distil_scores,
    info_nce,
    multi_positive,
    sigmoid,
)

EYE = torch.eye(2)
OWN = torch.eye(2, dtype=torch.bool)
SCALE_1, SCALE_LN3 = torch.tensor(0.0), torch.tensor(math.log(math.log(3)))
SEEDS = st.integers(0, 2**31)
# One pair of rows that share a photo, one text that fits two photos: not a symmetric matrix.
POSITIVES = torch.tensor([[1, 1, 0, 0], [1, 1, 0, 1], [0, 0, 1, 0], [0, 0, 0, 1]]).bool()


def rows(seed, n=4, d=3, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return [normalize(torch.randn(n, d, generator=generator, dtype=dtype), dim=1) for _ in range(4)]


def every_loss(images, texts, scale, positives, teacher):
    """All of them, so that a law can be stated once."""
    bias = torch.tensor(-2.0, dtype=images.dtype)
    return {
        "info_nce": info_nce(images, texts, scale),
        "multi_positive": multi_positive(images, texts, scale, positives),
        "hard_negatives": multi_positive(images, texts, scale, positives, 0.5),
        "sigmoid": sigmoid(images, texts, scale, bias, positives),
        "distil_scores": distil_scores(images, texts, scale, *teacher, 5.0),
        "distil_features": distil_features(images, texts, *teacher),
    }


def test_info_nce_by_hand():
    # Scores are [[ln 3, 0], [0, ln 3]]: each pair has 3 against 1, in both directions.
    assert info_nce(EYE, EYE, SCALE_LN3).item() == pytest.approx(math.log(4 / 3), abs=1e-6)


def test_both_directions_count():
    # Scores are [[1, 1], [0, 0]]: by picture ln 2 each; by text 1 against e, and e against 1.
    texts = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    by_image = math.log(2)
    by_text = (math.log((math.e + 1) / math.e) + math.log(math.e + 1)) / 2
    loss = info_nce(EYE, texts, SCALE_1)
    assert loss.item() == pytest.approx((by_image + by_text) / 2, abs=1e-6)


def test_multi_positive_by_hand():
    # Shares are 3/4 and 1/4. The first picture has both texts: -(ln 3/4 + ln 1/4) / 2; so has the
    # second text; the second picture and the first text have one: -ln 3/4.
    positives = torch.tensor([[True, True], [False, True]])
    two, one = -(math.log(3 / 4) + math.log(1 / 4)) / 2, -math.log(3 / 4)
    loss = multi_positive(EYE, EYE, SCALE_LN3, positives)
    assert loss.item() == pytest.approx((two + one) / 2, abs=1e-6)


def test_hard_negatives_by_hand():
    # The first picture scores ln 4 with its text and ln 2, 0 with the others. With exponent 1 the
    # negatives' weights are 2 and 1 over their mean 3/2: 4 against 4/3 * 2 + 2/3 * 1.
    images = torch.eye(3)
    texts = torch.tensor([[1, 0, 0], [0.5, 1, 0], [0, 0, 1.0]])
    scale = torch.tensor(math.log(math.log(4)))
    by_image = [math.log(1 + (4 / 3 * 2 + 2 / 3) / 4), math.log(6 / 4), math.log(6 / 4)]
    # By text, the second has scores ln 4 with its picture and ln 2, 0 with the others.
    by_text = [math.log(6 / 4), by_image[0], math.log(6 / 4)]
    loss = multi_positive(images, texts, scale, torch.eye(3).bool(), 1.0)
    assert loss.item() == pytest.approx((sum(by_image) + sum(by_text)) / 6, abs=1e-6)


def test_sigmoid_by_hand():
    # Scores are 1 on the diagonal, 0 beside it, and the bias -1: for each picture, one positive at
    # 0, -ln 1/2, and one negative at -1, -ln sigmoid(1).
    loss = sigmoid(EYE, EYE, SCALE_1, torch.tensor(-1.0), OWN)
    expected = math.log(2) + math.log(1 + math.exp(-1))
    assert loss.item() == pytest.approx(expected, abs=1e-6)


def test_distil_scores_by_hand():
    # The teacher's shares are 3/4 and 1/4, the student scores all alike: 1/2 and 1/2.
    flat = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    expected = 3 / 4 * math.log(3 / 2) + 1 / 4 * math.log(1 / 2)
    loss = distil_scores(flat, flat, SCALE_1, EYE, EYE, math.log(3))
    assert loss.item() == pytest.approx(expected, abs=1e-6)


def test_distil_features_by_hand():
    # Pictures agree; texts of the teacher are exchanged: squared norms of the differences are 2.
    loss = distil_features(EYE, EYE, EYE, EYE.flip(0))
    assert loss.item() == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("name", every_loss(*rows(0)[:2], SCALE_1, POSITIVES, rows(1)[2:]))
def test_gradients(name):
    images, texts, *teacher = rows(0)
    scale = torch.tensor(1.0, dtype=torch.float64)
    inputs = [part.clone().requires_grad_() for part in (images, texts, scale)]

    def loss(images, texts, scale):
        return every_loss(images, texts, scale, POSITIVES, teacher)[name]

    if name == "distil_features":  # reads no temperature
        inputs, of = inputs[:2], lambda images, texts: loss(images, texts, scale)
    else:
        of = loss
    assert gradcheck(of, inputs)


def test_gradient_of_the_bias():
    images, texts, *_ = rows(0)
    scale, bias = (torch.tensor(value, dtype=torch.float64) for value in (1.0, -2.0))
    bias.requires_grad_()
    assert gradcheck(lambda b: sigmoid(images, texts, scale, b, POSITIVES), [bias])


@given(SEEDS)
def test_pictures_and_texts_may_change_places(seed):
    images, texts, *teacher = rows(seed)
    scale = torch.tensor(2.0, dtype=torch.float64)
    one = every_loss(images, texts, scale, POSITIVES, teacher)
    other = every_loss(texts, images, scale, POSITIVES.T, teacher[::-1])
    for name, loss in one.items():
        assert loss.item() == pytest.approx(other[name].item(), abs=1e-9), name
        assert loss.item() >= -1e-9, name


@given(SEEDS)
def test_order_does_not_matter(seed):
    images, texts, *teacher = rows(seed)
    order = torch.randperm(4, generator=torch.Generator().manual_seed(seed))
    scale = torch.tensor(2.0, dtype=torch.float64)
    one = every_loss(images, texts, scale, POSITIVES, teacher)
    moved = [part[order] for part in (images, texts)]
    other = every_loss(*moved, scale, POSITIVES[order][:, order], [part[order] for part in teacher])
    for name, loss in one.items():
        assert loss.item() == pytest.approx(other[name].item(), abs=1e-9), name


@given(SEEDS, st.integers(1, 8))
def test_multi_positive_with_one_positive_is_info_nce(seed, n):
    images, texts, *_ = rows(seed, n)
    scale = torch.tensor(3.0, dtype=torch.float64)
    loss = multi_positive(images, texts, scale, torch.eye(n).bool())
    assert loss.item() == pytest.approx(info_nce(images, texts, scale).item(), abs=1e-12)


def test_a_second_copy_is_no_negative():
    # Rows 0 and 1 are one photo with one caption. With the unit basis for texts, rows are scores.
    positives = torch.tensor([[1, 1, 0], [1, 1, 0], [0, 0, 1]]).bool()

    def slope(loss_of):
        scores = torch.tensor([[2.0, 2, 0], [2, 2, 0], [0, 0, 2]], requires_grad=True)
        loss_of(scores, torch.eye(3), SCALE_1).backward()
        return scores.grad[0, 1].item()  # above 0: training pushes the copies apart

    assert slope(info_nce) > 0.1
    assert slope(lambda *rows: multi_positive(*rows, positives)) < 0
    assert slope(lambda *rows: multi_positive(*rows, positives, 0.5)) < 0


def test_each_fitting_text_is_drawn_until_it_has_its_share():
    # The slope at a score is the share it has less the share it should have.
    images, texts, *_ = rows(5)
    scores = (images @ texts.T).requires_grad_()
    multi_positive(
        scores, torch.eye(4, dtype=torch.float64), SCALE_1.double(), POSITIVES
    ).backward()
    shares = scores.softmax(1) + scores.softmax(0)
    targets = POSITIVES / POSITIVES.sum(1, keepdim=True) + POSITIVES / POSITIVES.sum(0)
    assert torch.allclose(scores.grad, (shares - targets) / 2 / 4, atol=1e-12)


def test_scale_is_clamped():
    images, texts, *teacher = rows(0)
    far, limit = torch.tensor(9.0), torch.tensor(math.log(LARGEST_SCALE))
    for name, loss in every_loss(images, texts, far, POSITIVES, teacher).items():
        assert loss == every_loss(images, texts, limit, POSITIVES, teacher)[name], name


@pytest.mark.parametrize("scale", [0.0, 4.7])
def test_one_pair_has_nothing_to_learn_from_yet_stays_finite(scale):
    images, texts, *teacher = (part.float() for part in rows(0, n=1))
    images.requires_grad_()
    one = torch.ones(1, 1).bool()
    for name, loss in every_loss(images, texts, torch.tensor(scale), one, teacher).items():
        (slope,) = torch.autograd.grad(loss, images, allow_unused=True)
        assert torch.isfinite(loss), name
        assert torch.isfinite(slope).all(), name


def test_rows_without_negatives_stay_finite():
    images, texts, *_ = (part.float() for part in rows(0))
    images.requires_grad_()
    loss = multi_positive(images, texts, torch.tensor(4.0), torch.ones(4, 4).bool(), 0.5)
    loss.backward()
    plain = multi_positive(images, texts, torch.tensor(4.0), torch.ones(4, 4).bool())
    assert loss.item() == pytest.approx(plain.item(), abs=1e-6)
    assert torch.isfinite(images.grad).all()


def test_float32_inside_autocast():
    images, texts, *teacher = (part.float() for part in rows(0, d=64))
    scale = torch.tensor(4.0)
    outside = every_loss(images, texts, scale, POSITIVES, teacher)
    with torch.autocast("cpu", torch.bfloat16):
        for name, loss in every_loss(images, texts, scale, POSITIVES, teacher).items():
            assert loss.dtype == torch.float32, name
            assert torch.equal(loss, outside[name]), name


def test_scores_are_distilled_across_dimensions():
    images, texts, *_ = rows(0)
    teacher = rows(1, d=7)[:2]
    assert distil_scores(images, texts, SCALE_1, *teacher).item() > 0


def test_an_equal_teacher_teaches_nothing():
    images, texts, *_ = rows(0)
    scale = torch.tensor(math.log(20.0), dtype=torch.float64)
    loss = distil_scores(images, texts, scale, images, texts, 20.0)
    assert loss.item() == pytest.approx(0.0, abs=1e-7)  # the teacher's scale is a float32
    assert distil_features(images, texts, images, texts).item() == 0.0


def test_a_teacher_is_frozen():
    images, texts, *teacher = rows(0)
    for part in teacher:
        part.requires_grad_()
    loss = distil_scores(images, texts, SCALE_1, *teacher)
    assert not (loss + distil_features(images, texts, *teacher)).requires_grad


def test_features_of_another_dimension_are_refused():
    images, texts, *_ = rows(0)
    with pytest.raises(Invalid, match=r"^[^\n]*dimension 7 and the student's 3[^\n]*$"):
        distil_features(images, texts, *rows(1, d=7)[:2])
