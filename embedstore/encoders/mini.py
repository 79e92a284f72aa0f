"""The bundled encoder: small, offline, trained by this project (see mini_weights/MODEL_CARD.md)."""

import json
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import xxhash
from safetensors import SafetensorError
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor

from embedstore.encoders.devices import choose, fast_dtype, one_thread
from embedstore.encoders.mini_model import MiniModel, fuse, restored
from embedstore.encoders.torch_encoder import TorchEncoder, weights_hash
from embedstore.errors import Corrupt, NotFound
from embedstore.types import ImagePreprocess, Space, Vectors, digest

FOLDER = Path(__file__).parent / "mini_weights"
CONFIG, WEIGHTS, TOKENIZER = "config.json", "model.safetensors", "tokenizer.json"
FEW_TEXTS = 32  # as many as a service asks for at once
_END = "[SEP]"


@dataclass(frozen=True)
class MiniConfig:
    """What stands beside the weights.

    Attributes:
        preprocess: How a picture becomes pixels.
        dim: Dimension of the shared space.
        context: Tokens that are read of a text, both ends included.
        image: Variant of the image tower, of `image_tower.VARIANTS`.
        scales: Whether its last stages give features beside its head's.
    """

    preprocess: ImagePreprocess
    dim: int = 512
    context: int = 128
    image: str = "lite0"
    scales: bool = False

    @classmethod
    def read(cls, path: Path) -> "MiniConfig":
        """Read what `write` wrote."""
        fields: dict[str, Any] = json.loads(path.read_text())
        look = fields.pop("preprocess")
        look |= {"mean": tuple(look["mean"]), "std": tuple(look["std"])}
        return cls(ImagePreprocess(**look), **fields)

    def write(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n")


def load_mini(device: str = "auto", folder: Path = FOLDER) -> "MiniEncoder":
    """Load the bundled encoder, or one of the same kind from a folder, after which it is named.

    Raises:
        NotFound: A file is missing.
        Corrupt: A file is damaged, or the files do not belong together.
        NoDevice: The device is not there.
    """
    where = choose(device)
    bundled = folder == FOLDER
    called = "mini" if bundled else str(folder.absolute())
    mend = "install embedstore again" if bundled else "train it again, or copy the folder whole"
    for name in (CONFIG, WEIGHTS, TOKENIZER):
        if not (folder / name).is_file():
            raise NotFound(f"encoder {called}: no {name} in {folder}; {mend}")
    try:
        config = MiniConfig.read(folder / CONFIG)
        tensors = load_file(folder / WEIGHTS)
        reading = (folder / TOKENIZER).read_text("utf-8")
        tokenizer = _tokenizer(reading)
        model = restored(tensors, config.dim, config.context, config.image, config.scales)
    except (SafetensorError, RuntimeError, ValueError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise Corrupt(
            f"encoder {called}: the files in {folder} are damaged or of another version "
            f"({reason}); {mend}"
        ) from error
    identity = [asdict(config.preprocess), xxhash.xxh3_128_hexdigest(reading.encode())]
    space = Space(called, weights_hash(tensors), digest([*identity, config.context]), config.dim)
    return MiniEncoder(model, tokenizer, config, space, where)


def _tokenizer(reading: str) -> Tokenizer:
    try:
        return Tokenizer.from_str(reading)
    except Exception as error:  # the package raises nothing more precise
        raise ValueError(str(error)) from error


class MiniEncoder(TorchEncoder):
    """EfficientNet-lite and MiniLM-L6, each with a linear map into one space."""

    def __init__(
        self,
        model: MiniModel,
        tokenizer: Tokenizer,
        config: MiniConfig,
        space: Space,
        device: torch.device,
    ) -> None:
        dtype = fast_dtype(device) if device.type == "cuda" else torch.float32
        super().__init__(space, config.preprocess, device, dtype)
        fuse(model)
        self._model = model.to(device)
        self._tokenizer = tokenizer
        self._context = config.context
        self._end = int(tokenizer.token_to_id(_END) or 0)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Encode texts as unit rows `(n, d)`, the same whatever the batch."""
        # Few texts are many short steps; a second thread makes each wait where a core is busy
        alone = self._device.type == "cpu" and len(texts) <= FEW_TEXTS
        with one_thread() if alone else nullcontext():
            return super().encode_texts(texts)

    def overlong(self, texts: Sequence[str]) -> list[bool]:
        """Say for each text whether its end is cut because it exceeds the context."""
        # A character makes three tokens at most (a Hangul syllable is taken apart).
        return [
            3 * len(text) + 2 > self._context and len(self._ids(text)) > self._context
            for text in texts
        ]

    def _ids(self, text: str) -> list[int]:
        # Halves of surrogate pairs, which json lets in, are no text to the tokenizer.
        clean = text.encode("utf-8", "replace").decode("utf-8")
        ids: list[int] = self._tokenizer.encode(clean).ids
        return ids

    def _texts(self, texts: Sequence[str]) -> Tensor:
        cut = [self._ids(text) for text in texts]
        cut = [
            ids if len(ids) <= self._context else [*ids[: self._context - 1], self._end]
            for ids in cut
        ]
        ids, mask = padded(cut)
        return self._model.embed_texts(ids.to(self._device), mask.to(self._device))

    def _images(self, pictures: Tensor) -> Tensor:
        return self._model.embed_images(pictures.contiguous(memory_format=torch.channels_last))


def padded(rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Put token ids of several lengths into `(n, t)`, with a mask that is true where one is."""
    ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
    mask = torch.zeros(ids.shape, dtype=torch.bool)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = torch.tensor(row)
        mask[place, : len(row)] = True
    return ids, mask
