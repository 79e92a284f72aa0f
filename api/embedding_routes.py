"""The HTTP routes that OpenAI's clients use: embeddings and models."""

import base64
from collections.abc import Sequence

import numpy as np

from api import dependencies
from api.dependencies import Decoding, Encoders, Told
from api.documented import errors
from api.embedding_schemas import Embedded, Embedding, Embeddings, Model, Models, Picture, Usage
from embedstore.corpus import images
from embedstore.errors import BadQuery, NotFound
from embedstore.types import Encoder, Vectors

PIECE = 32  # inputs encoded together
router = dependencies.router("embeddings")


@router.post("/embeddings", responses=errors(404))
def embed(wanted: Embeddings, encoders: Encoders, decoding: Decoding, pictures: Told) -> Embedded:
    """Encode texts and pictures as unit vectors of one space."""
    encoder = encoders.of(wanted.model)
    dim = encoder.space.dim
    if wanted.dimensions not in (None, dim):
        raise BadQuery(f"dimensions is {wanted.dimensions}; expected {dim}, or leave it out")
    inputs = [wanted.input] if isinstance(wanted.input, str) else wanted.input
    vectors = np.empty((len(inputs), dim), np.float32)
    texts = [place for place, each in enumerate(inputs) if isinstance(each, str)]
    for piece in _pieces(texts):
        vectors[piece] = encoder.encode_texts([str(inputs[place]) for place in piece])
    shown = {place: each.image for place, each in enumerate(inputs) if isinstance(each, Picture)}
    if shown:
        found = pictures.each(list(shown.values()))
        with decoding:
            _encode_pictures(list(shown), found, encoder, vectors)
    words = sum(len(each.split()) if isinstance(each, str) else 1 for each in inputs)
    data = [
        Embedding(index=place, embedding=_written(vector, wanted.encoding_format))
        for place, vector in enumerate(vectors)
    ]
    usage = Usage(prompt_tokens=words, total_tokens=words)
    return Embedded(data=data, model=wanted.model, usage=usage)


@router.get("/models")
def models(encoders: Encoders) -> Models:
    """List the encoders: the bundled one, and those that collections use."""
    return Models(data=[Model(id=name) for name in encoders.models()])


@router.get("/models/{model}", responses=errors(404))
def model(model: str, encoders: Encoders) -> Model:
    """Tell of one encoder."""
    known = encoders.models()
    if model not in known:
        raise NotFound(f"no model {model[:80]!r}; expected one of: {', '.join(known)}")
    return Model(id=model)


def _encode_pictures(
    places: Sequence[int], pictures: Sequence[bytes], encoder: Encoder, vectors: Vectors
) -> None:
    for begin in range(0, len(pictures), PIECE):
        piece = slice(begin, begin + PIECE)
        pixels = [images.load(each, encoder.preprocess) for each in pictures[piece]]
        vectors[places[piece]] = encoder.encode_images(pixels)


def _pieces(places: Sequence[int]) -> list[list[int]]:
    return [list(places[begin : begin + PIECE]) for begin in range(0, len(places), PIECE)]


def _written(vector: Vectors, form: str) -> list[float] | str:
    if form == "base64":
        return base64.b64encode(vector.astype("<f4").tobytes()).decode()
    return [float(number) for number in vector]
