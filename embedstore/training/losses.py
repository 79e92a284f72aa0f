"""Contrastive and distillation losses: pure functions of unit rows, float32 even under autocast."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from embedstore.errors import Invalid

LARGEST_SCALE = 100.0
NOWHERE = -1e9  # a score that no softmax sees, yet finite: minus infinity makes NaN gradients


def info_nce(images: Tensor, texts: Tensor, log_scale: Tensor) -> Tensor:
    """Measure how badly pairs are told from all other combinations in the batch.

    Args:
        images: `(n, d)` unit rows.
        texts: `(n, d)` unit rows; row i belongs to picture i, and to no other.
        log_scale: `()`, logarithm of the inverse temperature, learnt; the scale is clamped at 100.

    Returns:
        `()`, the mean of the cross-entropies of finding the text by its picture and the picture by
        its text. Radford et al., CLIP, https://arxiv.org/abs/2103.00020, figure 3; van den Oord et
        al., https://arxiv.org/abs/1807.03748.
    """
    scores = _scores(images, texts, log_scale)  # (n, n)
    own = torch.arange(len(scores), device=scores.device)
    by_image = functional.cross_entropy(scores, own)
    by_text = functional.cross_entropy(scores.T, own)
    return (by_image + by_text) / 2


def multi_positive(
    images: Tensor,
    texts: Tensor,
    log_scale: Tensor,
    positives: Tensor,
    hard_negatives: float = 0.0,
) -> Tensor:
    """Measure the same where several texts of the batch fit a picture, or several pictures a text.

    The target of a row is shared evenly by its positives, so that no fitting pair is pushed apart
    while it has less than its share. With one positive for each row this is `info_nce`.

    Args:
        images: `(n, d)` unit rows.
        texts: `(m, d)` unit rows.
        log_scale: As in `info_nce`.
        positives: `(n, m)` bool, which text fits which picture; one at least in each row and
            column.
        hard_negatives: How much more a negative counts for its score: the weight of one is
            `exp(hard_negatives * score)`, scaled so that the mean weight of a row is 1; 0 for none.

    Returns:
        `()`. The form is L_out of Khosla et al., SupCon, https://arxiv.org/abs/2004.11362,
        equation 2, between two modalities, which is Yang et al., UniCL,
        https://arxiv.org/abs/2204.03610, equation 4. The weights are those of Robinson et al.,
        https://arxiv.org/abs/2010.04592, equation 4 with tau+ = 0, gradients through the weights
        as in their program, in both directions as in Radenovic et al., DiHT,
        https://arxiv.org/abs/2301.02280.
    """
    scores = _scores(images, texts, log_scale)  # (n, m)
    by_image = _one_way(scores, positives, hard_negatives)
    by_text = _one_way(scores.T, positives.T, hard_negatives)
    return (by_image + by_text) / 2


def sigmoid(
    images: Tensor, texts: Tensor, log_scale: Tensor, bias: Tensor, positives: Tensor
) -> Tensor:
    """Measure each combination by itself: does this text fit this picture?

    Args:
        images: `(n, d)` unit rows.
        texts: `(m, d)` unit rows.
        log_scale: As in `info_nce`.
        bias: `()`, added to the scaled scores, learnt; negative, as most combinations do not fit.
        positives: `(n, m)` bool, which text fits which picture.

    Returns:
        `()`, the binary cross-entropies of all combinations, summed, for each picture. Zhai et al.,
        SigLIP, https://arxiv.org/abs/2303.15343, equation 1.
    """
    scores = _scores(images, texts, log_scale) + bias  # (n, m)
    sign = 2 * positives.to(scores.dtype) - 1  # (n, m)
    return -functional.logsigmoid(sign * scores).sum() / len(scores)


def distil_scores(
    images: Tensor,
    texts: Tensor,
    log_scale: Tensor,
    teacher_images: Tensor,
    teacher_texts: Tensor,
    teacher_scale: float = LARGEST_SCALE,
) -> Tensor:
    """Measure how far the student's scores within the batch are from a frozen teacher's.

    Args:
        images: `(n, d)` unit rows of the student.
        texts: `(m, d)` unit rows of the student.
        log_scale: As in `info_nce`, of the student.
        teacher_images: `(n, e)` unit rows; `e` need not be `d`.
        teacher_texts: `(m, e)` unit rows.
        teacher_scale: Inverse temperature of the teacher; a trained CLIP has 100.

    Returns:
        `()`, the Kullback-Leibler divergence of the student's distribution from the teacher's, the
        mean over rows and both directions; 0 where they agree. Wu et al., TinyCLIP,
        https://arxiv.org/abs/2309.12314, affinity mimicking; Yang et al., CLIP-KD,
        https://arxiv.org/abs/2307.12732, contrastive relational distillation.
    """
    student = _scores(images, texts, log_scale)  # (n, m)
    known = torch.tensor(math.log(teacher_scale), device=images.device)
    teacher = _scores(teacher_images.detach(), teacher_texts.detach(), known)  # (n, m)
    return (_divergence(student, teacher) + _divergence(student.T, teacher.T)) / 2


def distil_features(
    images: Tensor, texts: Tensor, teacher_images: Tensor, teacher_texts: Tensor
) -> Tensor:
    """Measure how far the student's rows are from a frozen teacher's.

    Args:
        images: `(n, d)` unit rows of the student.
        texts: `(m, d)` unit rows of the student.
        teacher_images: `(n, d)` unit rows.
        teacher_texts: `(m, d)` unit rows.

    Returns:
        `()`, the mean squared Euclidean norm of the difference of rows, the mean of both
        modalities. Yang et al., CLIP-KD, https://arxiv.org/abs/2307.12732, feature distillation.

    Raises:
        Invalid: The teacher has another dimension.
    """
    own, other = images.shape[1], teacher_images.shape[1]
    if own != other:
        raise Invalid(
            f"the teacher's vectors have dimension {other} and the student's {own}; distilling "
            f"features needs a teacher of dimension {own}: take one, or distil scores instead, "
            "which works across dimensions"
        )
    by_image = (_full(images) - _full(teacher_images.detach())).square().sum(1).mean()
    by_text = (_full(texts) - _full(teacher_texts.detach())).square().sum(1).mean()
    return (by_image + by_text) / 2


def _full(rows: Tensor) -> Tensor:
    return rows.to(torch.promote_types(rows.dtype, torch.float32))


def _scores(images: Tensor, texts: Tensor, log_scale: Tensor) -> Tensor:
    with torch.autocast(images.device.type, enabled=False):  # it would multiply in bfloat16
        scale = log_scale.clamp(max=math.log(LARGEST_SCALE)).exp()
        return scale * _full(images) @ _full(texts).T  # (n, m)


def _one_way(scores: Tensor, positives: Tensor, hard_negatives: float) -> Tensor:
    fitting = (scores * positives).sum(1) / positives.sum(1)  # (n,)
    if hard_negatives:
        scores = _weighted(scores, positives, hard_negatives)
    return (scores.logsumexp(1) - fitting).mean()


def _weighted(scores: Tensor, positives: Tensor, hard_negatives: float) -> Tensor:
    hardness = (hard_negatives * scores).masked_fill(positives, NOWHERE)  # (n, m)
    negatives = (~positives).sum(1, keepdim=True).clamp(min=1).to(scores.dtype)  # (n, 1)
    log_weight = hardness.log_softmax(1) + negatives.log()  # (n, m)
    return torch.where(positives, scores, scores + log_weight)


def _divergence(student: Tensor, teacher: Tensor) -> Tensor:
    return functional.kl_div(
        student.log_softmax(1), teacher.log_softmax(1), log_target=True, reduction="batchmean"
    )
