"""The network of `mini`, and its compact form on disk."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from embedstore.encoders import text_tower
from embedstore.encoders.image_tower import ConvNorm, ImageTower
from embedstore.encoders.text_tower import TextTower

# Half of all numbers are the word table; 8 bits with a scale a row lose no measurable recall.
_TABLE = "text.tokens.weight"
_SCALE = "text.tokens.scale"
_FULL = (".norm.running_mean", ".norm.running_var")  # may exceed what float16 holds


class MiniModel(nn.Module):
    """Two towers, each with a linear map into the shared space."""

    def __init__(
        self,
        dim: int,
        context: int,
        dropout: float = 0.0,
        image: str = "lite0",
        scales: bool = False,
    ) -> None:
        super().__init__()
        self.image = ImageTower(image, scales)
        self.image_map = nn.Linear(self.image.features, dim)
        self.text = TextTower(context, dropout)
        self.text_map = nn.Linear(text_tower.FEATURES, dim)

    def embed_images(self, pictures: Tensor) -> Tensor:
        """Map normalised pictures `(n, 3, h, w)` to `(n, d)`, not yet of unit length."""
        mapped: Tensor = self.image_map(self.image(pictures))
        return mapped

    def embed_texts(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Map token ids and mask, both `(n, t)`, to `(n, d)`, not yet of unit length."""
        mapped: Tensor = self.text_map(self.text(ids, mask))
        return mapped


def packed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Shrink weights for the disk: the word table to 8 bits, the rest to float16."""
    table = state[_TABLE].float()
    scale = table.abs().amax(1, keepdim=True).clamp(min=1e-8) / 127.0  # (words, 1)
    tensors = {
        _TABLE: (table / scale).round().to(torch.int8),
        _SCALE: scale.squeeze(1),
    }
    for name, tensor in state.items():
        if name != _TABLE and not name.endswith("num_batches_tracked"):
            tensors[name] = tensor.float() if name.endswith(_FULL) else tensor.half()
    return {name: tensor.contiguous() for name, tensor in tensors.items()}


def unpacked(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give float32 weights back from their form on disk."""
    state = {name: tensor.float() for name, tensor in tensors.items() if name != _SCALE}
    state[_TABLE] *= tensors[_SCALE].float().unsqueeze(1)
    for name in [name for name in state if name.endswith("running_mean")]:
        state[name.replace("running_mean", "num_batches_tracked")] = torch.tensor(0)
    return state


def restored(
    tensors: Mapping[str, Tensor],
    dim: int,
    context: int,
    image: str = "lite0",
    scales: bool = False,
) -> MiniModel:
    """Build the network from its form on disk, ready to encode or to train on.

    Raises:
        RuntimeError: Names or shapes do not fit.
        KeyError: No such image tower.
    """
    # Built with random weights, for torch's "meta" device imports 800 modules in place of them.
    model = MiniModel(dim, context, image=image, scales=scales)
    model.load_state_dict(unpacked(tensors), assign=True)
    return model.eval()


def fuse(model: MiniModel) -> None:
    """Fold each batch norm into its convolution: the same function, faster, not to be trained."""
    for module in model.modules():
        if isinstance(module, ConvNorm) and isinstance(module.norm, nn.BatchNorm2d):
            module.conv = fuse_conv_bn_eval(module.conv, module.norm)
            module.norm = nn.Identity()
