"""The contrastive loss."""

import math

import torch
from torch import Tensor
from torch.nn import functional

START_SCALE = 1.0 / 0.07
LARGEST_SCALE = 100.0


def info_nce(images: Tensor, texts: Tensor, log_scale: Tensor) -> Tensor:
    """Measure how badly pairs are told from all other combinations in the batch.

    Args:
        images: `(n, d)` unit rows.
        texts: `(n, d)` unit rows; row i belongs to picture i, and to no other.
        log_scale: Logarithm of the inverse temperature, learnt; the scale is clamped at 100.

    Returns:
        The mean of the cross-entropies of finding the text by its picture and the picture by its
        text. Radford et al., CLIP, https://arxiv.org/abs/2103.00020, figure 3; van den Oord et
        al., https://arxiv.org/abs/1807.03748.
    """
    scale = log_scale.clamp(max=math.log(LARGEST_SCALE)).exp()
    scores = scale * images.float() @ texts.float().T  # (n, n)
    own = torch.arange(len(scores), device=scores.device)
    by_image = functional.cross_entropy(scores, own)
    by_text = functional.cross_entropy(scores.T, own)
    return (by_image + by_text) / 2
