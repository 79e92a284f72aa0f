"""recall@k on photos with captions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from embedstore.corpus.images import load
from embedstore.errors import NotFinite
from embedstore.gain import Change, Gain, gain_of_all
from embedstore.metrics import Recall, image_to_text, text_to_image
from embedstore.training.dual import Dual
from embedstore.training.pairs import Photo
from embedstore.training.precision import Precision
from embedstore.training.prefetch import grouped, prefetched
from embedstore.training.unreadable import Unreadable
from embedstore.types import Encoder, Pixels, Vectors

DEPTHS = (1, 5, 10)
_BATCH = 128


@dataclass(frozen=True)
class Retrieval:
    """Both directions."""

    text_to_image: Recall
    image_to_text: Recall

    def figures(self) -> dict[str, float]:
        """Give recall at the usual depths in both directions, by name."""
        return {
            f"{direction}@{k}": recall.at(k)
            for direction, recall in vars(self).items()
            for k in DEPTHS
        }

    def ranks(self) -> dict[str, list[int]]:
        """Give the ranks of all queries by direction, as JSON takes them; see `of_ranks`."""
        return {direction: recall.ranks.tolist() for direction, recall in vars(self).items()}

    @classmethod
    def of_ranks(cls, ranks: Mapping[str, Sequence[int]]) -> "Retrieval":
        """Take what `ranks` gave."""
        return cls(**{name: Recall(np.array(of, np.int64)) for name, of in ranks.items()})


def mean_recall(figures: Mapping[str, float]) -> float:
    """Give the mean of recall@1, @5 and @10 in both directions: what training is judged by."""
    return float(np.mean(list(figures.values())))


def gained(before: Retrieval, after: Retrieval, photos: Sequence[Photo]) -> Gain:
    """Compare two measurements on the same photos by their mean recall, as `mean_recall` gives it.

    Args:
        before: The first.
        after: The second.
        photos: That both measured.
    """
    owners = _owners(photos)
    return gain_of_all(
        [
            Change(before.text_to_image, after.text_to_image, owners),
            Change(before.image_to_text, after.image_to_text, sorted(set(owners))),
        ],
        DEPTHS,
    )


def evaluate(encoder: Encoder, photos: Sequence[Photo]) -> Retrieval:
    """Encode all photos and captions, and search each with the other, exactly.

    Raises:
        BadImage: A photo does not decode; leaving it out would flatter the figures.
    """

    def decode(photo: Photo) -> Pixels:
        return load(photo.path, encoder.preprocess)

    images = np.concatenate(
        [encoder.encode_images(pixels) for pixels in prefetched(decode, grouped(photos, _BATCH))]
    )
    texts = encoder.encode_texts([caption for photo in photos for caption in photo.captions])
    return _searched(images, texts, photos)


class Held:
    """Photos to measure on during training, decoded once and kept in memory.

    Args:
        photos: With captions; those that do not decode are left out of every measurement.
        dual: Tuned: the part of its image tower that does not learn is computed once.
        precision: Of the towers.

    Raises:
        Invalid: More than half of the photos do not decode.
    """

    def __init__(self, photos: Sequence[Photo], dual: Dual, precision: Precision) -> None:
        self._precision = precision
        self._kept: list[torch.Tensor] = []  # (b, s, s, 3) uint8, or (b, ...) float16
        unreadable = Unreadable(len(photos))

        def decode(place: int) -> Pixels | None:
            return unreadable.attempt(place, lambda: load(photos[place].path, dual.preprocess))

        for found in prefetched(decode, grouped(range(len(photos)), _BATCH)):
            if good := [one for one in found if one is not None]:
                pixels = torch.from_numpy(np.stack(good))
                keeps = dual.keeps_lower
                self._kept.append(self._lowered(dual, pixels).half().cpu() if keeps else pixels)
        self.photos = [photo for place, photo in enumerate(photos) if place not in unreadable]

    @torch.no_grad()
    def measure(self, dual: Dual) -> Retrieval:
        """Measure the weights of now; the model is left in evaluation.

        Raises:
            NotFinite: A vector is not.
        """
        dual.eval()
        captions = [caption for photo in self.photos for caption in photo.captions]
        with self._precision.context():
            images = [
                dual.embed_images(part if dual.keeps_lower else self._lowered(dual, part))
                for part in self._kept
            ]
            texts = [dual.embed_texts(dual.tokenise(part)) for part in grouped(captions, _BATCH)]
        found = _rows(images), _rows(texts)
        if not all(np.isfinite(rows).all() for rows in found):
            raise NotFinite(
                "the weights in training give vectors with NaN or infinity; expected finite ones"
            )
        return _searched(*found, self.photos)

    @torch.no_grad()
    def _lowered(self, dual: Dual, pixels: torch.Tensor) -> torch.Tensor:
        dual.eval()
        with self._precision.context():
            return dual.lower_images(dual.normalised(pixels))


def _rows(parts: Sequence[torch.Tensor]) -> Vectors:
    rows: Vectors = torch.cat(list(parts)).float().cpu().numpy()  # (n, d)
    return rows


def _searched(images: Vectors, texts: Vectors, photos: Sequence[Photo]) -> Retrieval:
    owner = _owners(photos)
    return Retrieval(text_to_image(images, texts, owner), image_to_text(images, texts, owner))


def _owners(photos: Sequence[Photo]) -> list[int]:
    """Give for each caption the place of its photo."""
    return [place for place, photo in enumerate(photos) for _ in photo.captions]
