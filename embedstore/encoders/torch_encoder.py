"""What all encoders on torch share: batches, precision, unit rows, the identity of the weights."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch
import xxhash
from torch import Tensor
from torch.nn import functional

from embedstore.encoders.pictures import check
from embedstore.types import ImagePreprocess, Pixels, Space, Vectors

IMAGE_BATCH = 32
TEXT_BATCH = 64


class TorchEncoder(ABC):
    """Encodes in small batches; a kind of model says how a batch is computed."""

    def __init__(
        self,
        space: Space,
        preprocess: ImagePreprocess,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.space = space
        self.preprocess = preprocess
        self._device = device
        self._dtype = dtype
        shape = (1, 3, 1, 1)
        self._mean = torch.tensor(preprocess.mean, device=device).reshape(shape) * 255.0
        self._std = torch.tensor(preprocess.std, device=device).reshape(shape) * 255.0

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Encode texts as unit rows `(n, d)`, the same whatever the batch."""
        # Neighbours of one length need little padding, and padding is most of the work else.
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        rows = self._rows(
            self._texts([texts[place] for place in order[start : start + TEXT_BATCH]])
            for start in self._starts(len(texts), TEXT_BATCH)
        )
        back = np.empty(len(texts), np.int64)
        back[order] = np.arange(len(texts))
        return rows[back]

    def encode_images(self, images: Sequence[Pixels]) -> Vectors:
        """Encode `(size, size, 3)` pictures as unit rows `(n, d)`, the same whatever the batch.

        Raises:
            Invalid: A picture has another size or type.
        """
        return self._rows(
            self._images(self._tensor(images[start : start + IMAGE_BATCH]))
            for start in self._starts(len(images), IMAGE_BATCH)
        )

    @abstractmethod
    def _texts(self, texts: Sequence[str]) -> Tensor:
        """Compute `(n, d)` of one batch of texts."""

    @abstractmethod
    def _images(self, pictures: Tensor) -> Tensor:
        """Compute `(n, d)` of one batch of normalised pictures `(n, 3, size, size)`."""

    def _tensor(self, images: Sequence[Pixels]) -> Tensor:
        check(images, self.preprocess.size, self.space.encoder)
        pixels = torch.from_numpy(np.stack(images)).to(self._device)  # (n, size, size, 3)
        return (pixels.permute(0, 3, 1, 2) - self._mean) / self._std

    def _starts(self, count: int, step: int) -> range:
        return range(0, count, step)

    def _rows(self, batches: Iterable[Tensor]) -> Vectors:
        made: list[Vectors] = []
        with (
            torch.inference_mode(),
            torch.autocast(self._device.type, self._dtype, enabled=self._dtype != torch.float32),
        ):
            made += [functional.normalize(batch.float(), dim=1).cpu().numpy() for batch in batches]
        return np.concatenate(made) if made else np.zeros((0, self.space.dim), np.float32)


def weights_hash(tensors: Mapping[str, Tensor]) -> str:
    """Hash names, shapes, types and values, in the order of the names."""
    state = xxhash.xxh3_128()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        state.update(f"{name} {tuple(tensor.shape)} {tensor.dtype};".encode())
        state.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return state.hexdigest()
