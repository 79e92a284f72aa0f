"""recall@k of an encoder on photos with captions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from embedstore.corpus.images import load
from embedstore.metrics import Recall, image_to_text, text_to_image
from embedstore.training.pairs import Photo
from embedstore.types import Encoder

_BATCH = 128


@dataclass(frozen=True)
class Retrieval:
    """Both directions."""

    text_to_image: Recall
    image_to_text: Recall


def evaluate(encoder: Encoder, photos: Sequence[Photo]) -> Retrieval:
    """Encode all photos and captions, and search each with the other, exactly.

    Raises:
        BadImage: A photo does not decode; leaving it out would flatter the figures.
    """
    images = np.concatenate(
        [
            encoder.encode_images(
                [load(photo.path, encoder.preprocess) for photo in photos[start : start + _BATCH]]
            )
            for start in range(0, len(photos), _BATCH)
        ]
    )
    owner = [place for place, photo in enumerate(photos) for _ in photo.captions]
    texts = encoder.encode_texts([caption for photo in photos for caption in photo.captions])
    return Retrieval(text_to_image(images, texts, owner), image_to_text(images, texts, owner))
