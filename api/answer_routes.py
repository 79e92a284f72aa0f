"""The HTTP routes that answer: a caption or an answer with citations, or the reason for none."""

import logging
from contextlib import nullcontext
from dataclasses import replace
from typing import Annotated

from fastapi import Depends, Request

from api import dependencies
from api.allowed import Allowed
from api.answer_schemas import Answered, Answering, Asked, Captioned
from api.commands.answer_output import answer_json
from api.dependencies import Decoding, Encoders, Named, Told
from api.documented import errors
from api.encoder_names import NoEncoder
from api.generator_names import NoGenerator
from embedstore import Collection
from embedstore.answering.answerer import LEAST_SCORE, Answerer, Settings
from embedstore.answering.evidence import OwnGroup
from embedstore.answering.types import Prompt
from embedstore.errors import Overloaded, Unavailable

log = logging.getLogger("embedstore.api")
router = dependencies.router("answers")


def _allowed(request: Request) -> Allowed:
    allowed: Allowed = request.app.state.allowed
    return allowed


Choice = Annotated[Allowed, Depends(_allowed)]


@router.post("/collections/{name}/caption", responses=errors(404, 409))
def caption(
    wanted: Captioned,
    collection: Named,
    allowed: Choice,
    decoding: Decoding,
    encoders: Encoders,
    pictures: Told,
) -> Answered:
    """Say what a picture shows, from its neighbours' captions."""
    encoders.serve(collection)
    answerer, public = _answerer(wanted, collection, allowed)
    image = pictures.of(wanted)
    with decoding:
        prompt = answerer.prompt(image=image)
    return _answered(answerer, public, prompt)


@router.post("/collections/{name}/ask", responses=errors(404, 409))
def ask(
    wanted: Asked,
    collection: Named,
    allowed: Choice,
    decoding: Decoding,
    encoders: Encoders,
    pictures: Told,
) -> Answered:
    """Answer a question from what the collection holds."""
    encoders.serve(collection)
    answerer, public = _answerer(wanted, collection, allowed)
    image = pictures.of(wanted)
    with nullcontext() if image is None else decoding:
        prompt = answerer.prompt(wanted.question, image)
    return _answered(answerer, public, prompt)


def _answerer(wanted: Answering, collection: Collection, allowed: Allowed) -> tuple[Answerer, str]:
    """Give what answers, and what its generator is called at the door."""
    settings = Settings(
        k=wanted.k,
        where=wanted.where,
        min_score=LEAST_SCORE if wanted.min_score is None else wanted.min_score,
        min_confidence=wanted.min_confidence,
        risk=wanted.risk,
        leave_out=OwnGroup() if wanted.leave_out_own else None,
    )
    public, generator = allowed.of(wanted.generator, collection.info.space.fingerprint)
    return Answerer(collection, generator, settings), public


def _answered(answerer: Answerer, public: str, prompt: Prompt) -> Answered:
    try:
        answer = answerer.decide([prompt])[0]
    except (Overloaded, NoEncoder):  # of the service itself
        raise
    except Unavailable as error:
        log.error("generator %s: %s", public, error)
        raise NoGenerator(
            f"the generator {public} cannot be reached or does not work now; the server's log "
            "says why; ask again later or choose another"
        ) from error
    if answer.generator == answerer.generator.name:  # and not one that stood in
        answer = replace(answer, generator=public)
    return Answered(**answer_json(answer))
