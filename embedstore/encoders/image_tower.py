"""EfficientNet-lite0 in plain torch: pictures into one feature row each.

timm holds the same network, but importing it needs torchvision and about two seconds.
"""

from torch import Tensor, nn
from torch.nn import functional

FEATURES = 1280
_BN_EPS = 1e-3
# (kernel, stride, expansion, channels, repeats), Tan & Le 2019 table 1, without the SE blocks
_STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)


_LOWER = 11  # blocks at 1/16 of the size and above; those after them learn the most


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
    """EfficientNet-lite0 without its classifier.

    Tan & Le, EfficientNet, https://arxiv.org/abs/1905.11946; the lite form has ReLU6 and no
    squeeze-and-excitation.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvNorm(3, 32, 3, 2)
        blocks = []
        inputs = 32
        for kernel, stride, widen, outputs, repeats in _STAGES:
            for place in range(repeats):
                blocks.append(Block(inputs, outputs, kernel, stride if place == 0 else 1, widen))
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.head = ConvNorm(inputs, FEATURES)

    def forward(self, pictures: Tensor) -> Tensor:
        """Map normalised pictures `(n, 3, h, w)` to features `(n, 1280)`."""
        return self.upper(self.lower(pictures))

    def lower(self, pictures: Tensor) -> Tensor:
        """Map normalised pictures `(n, 3, h, w)` to maps `(n, 112, h / 16, w / 16)`."""
        maps: Tensor = self.blocks[:_LOWER](self.stem(pictures))
        return maps

    @property
    def upper_parts(self) -> nn.Module:
        """The layers of `upper`."""
        return nn.Sequential(self.blocks[_LOWER:], self.head)

    def upper(self, maps: Tensor) -> Tensor:
        """Map what `lower` gives to features `(n, 1280)`."""
        wide: Tensor = self.upper_parts(maps)
        return wide.mean((2, 3))
