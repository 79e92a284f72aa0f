"""Further uses of the same store: each says which words of an item count and who writes.

A reply comes from questions that were answered before, a report from the reports of similar
pictures, a translation from captions that hold one.
"""

from dataclasses import replace
from pathlib import Path

from embedstore.answering import reading
from embedstore.answering.answerer import Answerer, Settings
from embedstore.answering.consensus import ConsensusGenerator
from embedstore.answering.replies import RepliesGenerator
from embedstore.answering.types import Answer, Generator
from embedstore.collection import Collection
from embedstore.errors import BadQuery

DRAFT = "draft from similar images, to be checked by a person"


def reply(collection: Collection, message: str, settings: Settings | None = None) -> Answer:
    """Answer a customer's message from a store of questions with answers, by text alone.

    Args:
        collection: Holds items whose text is a question and whose metadata holds its answers.
        message: What the customer wrote.
        settings: Neighbours and thresholds.

    Raises:
        BadQuery: The message is empty or too long.
    """
    held = replace(
        settings or Settings(),
        words=reading.replies,
        lacking="a question with answers",
        min_agreement=0.0,
    )
    return _answerer(collection, RepliesGenerator(), held).ask(message)


def report(
    collection: Collection,
    image: Path | bytes,
    settings: Settings | None = None,
    generator: Generator | str = "consensus",
) -> Answer:
    """Draft a report on a picture from the reports of similar ones; see `DRAFT`.

    Args:
        collection: Holds pictures with reports, as `report` in their metadata or as captions.
        image: What to report on.
        settings: Neighbours and thresholds.
        generator: What writes.

    Raises:
        BadImage: The picture cannot be read.
    """
    lacking = "a picture with a report or a caption"
    held = replace(settings or Settings(), words=reading.reports, lacking=lacking)
    return _answerer(collection, generator, held).caption(image)


def translate(
    collection: Collection,
    language: str,
    *,
    text: str | None = None,
    image: Path | bytes | None = None,
    settings: Settings | None = None,
) -> Answer:
    """Caption a picture or translate a text: what the nearest translations agree on.

    Args:
        collection: Holds captions with `translations` in their metadata, by language.
        language: As it is called there, such as `fr`.
        text: What to translate.
        image: What to caption.
        settings: Neighbours and thresholds.

    Raises:
        BadQuery: Neither text nor picture is given, or no language.
        BadImage: The picture cannot be read.
    """
    if not language.strip():
        raise BadQuery("no language is given; expected the name of one, such as fr")
    held = replace(
        settings or Settings(),
        words=reading.translations(language),
        lacking=f"a translation into {language!r}",
        min_agreement=0.0,
    )
    answerer = _answerer(collection, ConsensusGenerator(), held)
    # Asked a question, the generator lets the translations vote instead of choosing a caption
    prompt = replace(answerer.prompt(text, image), question=text or language)
    return answerer.decide([prompt])[0]


def _answerer(collection: Collection, generator: Generator | str, settings: Settings) -> Answerer:
    """Give one without confidence, which is measured for captions and answers alone."""
    return Answerer(collection, generator, settings, confidences={})
