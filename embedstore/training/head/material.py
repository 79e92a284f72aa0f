"""What a head learns from: photos with captions, and questions with answers, as vectors."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from embedstore.corpus.images import load
from embedstore.errors import Invalid, NotFound
from embedstore.training.pairs import Photo, hashed_place
from embedstore.training.prefetch import grouped, prefetched
from embedstore.types import Encoder, Pixels, Vectors, digest

_BATCH = 64


@dataclass(frozen=True)
class Asked:
    """A question about a picture.

    Attributes:
        image: The file.
        question: Its words.
        answers: Any of which is right.
    """

    image: Path
    question: str
    answers: tuple[str, ...]


@dataclass(frozen=True)
class Captioned:
    """Photos with captions, encoded; n photos.

    Attributes:
        captions: Of each photo.
        pictures: `(n, d)`.
        texts: Of each photo `(c, d)`, a row a caption.
    """

    captions: tuple[tuple[str, ...], ...]
    pictures: Vectors
    texts: tuple[Vectors, ...]

    def best_first(self, photo: int, vector: Vectors) -> tuple[str, ...]:
        """Give a photo's captions, first what fits a picture `(d,)` best."""
        order = np.argsort(-(self.texts[photo] @ vector), kind="stable")
        return tuple(self.captions[photo][one] for one in order)


@dataclass(frozen=True)
class Questioned:
    """Questions, encoded; q questions.

    Attributes:
        asked: The questions.
        pictures: `(q, d)`, of what each is about.
        questions: `(q, d)`, of its words.
        groups: `(q,)`, equal where questions are about one picture.
    """

    asked: tuple[Asked, ...]
    pictures: Vectors
    questions: Vectors
    groups: np.ndarray[tuple[int], np.dtype[np.int64]]


def questions_of(path: Path) -> list[Asked]:
    """Read lines of JSON with `image`, `question` and `answers`; paths are beside the file.

    Raises:
        NotFound: No such file.
        Invalid: A line says something else; the first such is named.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError as error:
        raise NotFound(f"no questions at {path} ({error.strerror}); name a file") from error
    asked = []
    for number, line in enumerate(lines, 1):
        try:
            told = json.loads(line)
            answers = tuple(str(one).replace("_", " ") for one in told["answers"])
            asked.append(Asked(path.parent / told["image"], str(told["question"]), answers))
        except (ValueError, KeyError, TypeError) as error:
            raise Invalid(
                f"{path}, line {number}: {type(error).__name__}: {error}; expected "
                '{"image": "a.jpg", "question": "what is on the desk", "answers": ["book"]}'
            ) from error
    return [one for one in asked if one.answers]


def held_out(asked: Sequence[Asked], share: float) -> tuple[list[Asked], list[Asked]]:
    """Divide questions by a hash of their pictures' names, so that no picture is on both sides.

    Args:
        asked: To divide.
        share: That is held out, 0..1.

    Returns:
        Those to learn from, and those to measure on.
    """
    learnt: list[Asked] = []
    held: list[Asked] = []
    for one in asked:
        (held if hashed_place(one.image.name) < share else learnt).append(one)
    return learnt, held


def captioned(photos: Sequence[Photo], encoder: Encoder, folder: Path) -> Captioned:
    """Encode photos and captions, or take the vectors from where they are kept."""
    pictures = _pictures([photo.path for photo in photos], encoder, folder)
    captions = tuple(photo.captions for photo in photos)
    said = [caption for own in captions for caption in own]
    rows = _kept(folder, encoder, said, lambda: encoder.encode_texts(said))
    texts = np.split(rows, np.cumsum([len(own) for own in captions])[:-1])
    return Captioned(captions, pictures, tuple(texts))


def questioned(asked: Sequence[Asked], encoder: Encoder, folder: Path) -> Questioned:
    """Encode questions and their pictures, or take the vectors from where they are kept."""
    images = sorted({one.image for one in asked})
    place = {image: number for number, image in enumerate(images)}
    groups = np.array([place[one.image] for one in asked], np.int64)
    said = [one.question for one in asked]
    questions = _kept(folder, encoder, said, lambda: encoder.encode_texts(said))
    return Questioned(tuple(asked), _pictures(images, encoder, folder)[groups], questions, groups)


def _pictures(images: Sequence[object], encoder: Encoder, folder: Path) -> Vectors:
    def decode(image: object) -> Pixels:
        return load(image, encoder.preprocess)  # type: ignore[arg-type]

    def encode() -> Vectors:
        batches = prefetched(decode, grouped(images, _BATCH))
        return np.concatenate([encoder.encode_images(pixels) for pixels in batches])

    return _kept(folder, encoder, [str(one) for one in images], encode)


def _kept(folder: Path, encoder: Encoder, of: object, encode: Callable[[], Vectors]) -> Vectors:
    path = folder / f"vectors-{digest([encoder.space.fingerprint, of])}.npy"
    if path.exists():
        found: Vectors = np.load(path)
        return found
    vectors = encode()
    draft = path.with_suffix(".tmp.npy")
    np.save(draft, vectors)
    draft.replace(path)
    return vectors
