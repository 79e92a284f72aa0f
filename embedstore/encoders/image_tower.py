"""EfficientNet-lite in plain torch: pictures into one feature row each.

timm holds the same networks, but importing it needs torchvision and about two seconds.
"""

from collections.abc import Iterator
from itertools import accumulate, pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

_HEAD = 1280  # channels
_STEM = 32  # channels
_BN_EPS = 1e-3
# (kernel, stride, expansion), Tan & Le 2019 table 1, without the SE blocks
_STAGES = ((3, 1, 1), (3, 2, 6), (5, 2, 6), (3, 2, 6), (5, 1, 6), (5, 2, 6), (3, 1, 6))
# (channels, repeats) of each stage; the lite forms scale neither the stem nor the head
_NARROW = (16, 24, 40, 80, 112, 192, 320)
_WIDE = (16, 24, 48, 88, 120, 208, 352)
_DEEP = (1, 3, 3, 4, 4, 5, 1)
VARIANTS = {
    "lite0": tuple(zip(_NARROW, (1, 2, 2, 3, 3, 4, 1), strict=True)),
    "lite1": tuple(zip(_NARROW, _DEEP, strict=True)),
    "lite2": tuple(zip(_WIDE, _DEEP, strict=True)),
}
_LOWER = 5  # stages at 1/16 of the size and above; those after them learn the most


class ConvNorm(nn.Module):
    """A convolution, its batch norm and, where asked, ReLU6."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        clip: bool = True,
    ) -> None:
        super().__init__()
        # TensorFlow, where the weights come from, pads the far side more when it halves a picture
        self.pad = ((kernel - 2) // 2, kernel // 2) * 2 if stride == 2 else None
        padding = kernel // 2 if stride == 1 else 0
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outputs, eps=_BN_EPS)
        self.clip = clip

    def forward(self, x: Tensor) -> Tensor:
        """Map `(n, inputs, h, w)` to `(n, outputs, h / stride, w / stride)`."""
        x = self.norm(self.conv(x if self.pad is None else functional.pad(x, self.pad)))
        return functional.relu6(x) if self.clip else x


class Block(nn.Module):
    """Inverted residual: widen, filter each channel, narrow without a non-linearity."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, widen: int) -> None:
        super().__init__()
        wide = inputs * widen
        layers = [ConvNorm(inputs, wide)] if widen > 1 else []
        layers.append(ConvNorm(wide, wide, kernel, stride, groups=wide))
        layers.append(ConvNorm(wide, outputs, clip=False))
        self.layers = nn.Sequential(*layers)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """Map `(n, inputs, h, w)` to `(n, outputs, h / stride, w / stride)`."""
        y: Tensor = self.layers(x)
        return x + y if self.residual else y


class ImageTower(nn.Module):
    """EfficientNet-lite without its classifier.

    Tan & Le, EfficientNet, https://arxiv.org/abs/1905.11946; the lite form has ReLU6 and no
    squeeze-and-excitation.

    Args:
        variant: One of `VARIANTS`.
        scales: Whether the last three stages give features beside the head's. What a caption tells,
            such as colours, the head drops where it did not help to tell ImageNet's classes apart.
    """

    def __init__(self, variant: str = "lite0", scales: bool = False) -> None:
        super().__init__()
        sizes = VARIANTS[variant]
        self.stem = ConvNorm(3, _STEM, 3, 2)
        self.blocks = nn.Sequential(*_blocks(sizes))
        self.head = ConvNorm(sizes[-1][0], _HEAD)
        ends = list(accumulate(repeats for _, repeats in sizes))
        self._ends = ends[_LOWER - 1 :]  # blocks up to the end of each stage that gives features
        self._scales = scales
        self.features = _HEAD + scales * sum(channels for channels, _ in sizes[_LOWER - 1 :])

    def forward(self, pictures: Tensor) -> Tensor:
        """Map normalised pictures `(n, 3, h, w)` to features `(n, f)`."""
        return self.upper(self.lower(pictures))

    def lower(self, pictures: Tensor) -> Tensor:
        """Map normalised pictures `(n, 3, h, w)` to maps `(n, c, h / 16, w / 16)`."""
        maps: Tensor = self.blocks[: self._ends[0]](self.stem(pictures))
        return maps

    @property
    def upper_parts(self) -> nn.Module:
        """The layers of `upper`."""
        return nn.Sequential(self.blocks[self._ends[0] :], self.head)

    def upper(self, maps: Tensor) -> Tensor:
        """Map what `lower` gives to features `(n, f)`."""
        pooled = [_pooled(maps)]
        for start, end in pairwise(self._ends):
            maps = self.blocks[start:end](maps)
            pooled.append(_pooled(maps))
        head: Tensor = self.head(maps)
        if not self._scales:
            return head.mean((2, 3))
        return torch.cat([*pooled, _pooled(head)], 1)


def _pooled(maps: Tensor) -> Tensor:
    """Average maps `(n, c, h, w)` to `(n, c)`; stages differ in size, so each is normalised."""
    means = maps.float().mean((2, 3))
    return functional.layer_norm(means, means.shape[1:])


def _blocks(sizes: tuple[tuple[int, int], ...]) -> Iterator[Block]:
    inputs = _STEM
    for (kernel, stride, widen), (outputs, repeats) in zip(_STAGES, sizes, strict=True):
        for place in range(repeats):
            yield Block(inputs, outputs, kernel, stride if place == 0 else 1, widen)
            inputs = outputs
