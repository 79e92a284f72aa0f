"""What the commands that answer share: their options, the generator, how an answer is printed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from api.output import print_json, print_table, printable
from api.settings import collection_option, endpoint_key_option, json_option, store_options

if TYPE_CHECKING:
    from embedstore import Collection
    from embedstore.answering.answerer import Settings
    from embedstore.answering.types import Answer, Generator

Command = Callable[..., Any]


def answer_options(command: Command) -> Command:
    """Add the options of every command that answers from neighbours."""
    for option in (
        click.option(
            "-k", type=int, default=8, show_default=True, help="Neighbours to answer from."
        ),
        click.option("--where", metavar="FILTER", help="Answer only from what this filter allows."),
        click.option(
            "--min-score",
            type=float,
            help="What scores less is no neighbour; without one, abstain.",
        ),
        store_options,
        collection_option,
        json_option,
    )[::-1]:
        command = option(command)
    return command


def generator_options(command: Command) -> Command:
    """Add the options that say who writes, and how sure it must be."""
    for option in (
        click.option(
            "--generator",
            envvar="EMBEDSTORE_GENERATOR",
            help="consensus, head, head:FOLDER, endpoint:URL#MODEL or hf:FOLDER.  "
            "[default: head where it fits the collection, else consensus]",
        ),
        click.option(
            "--risk", type=float, help="Share of given answers that may be wrong, 0 to 1."
        ),
        click.option("--min-confidence", type=float, help="Withhold what is less probably right."),
        endpoint_key_option,
    )[::-1]:
        command = option(command)
    return command


@contextmanager
def opened(store: str, index_folder: str | None, collection: str) -> "Iterator[Collection]":
    """Give a collection of an existing store."""
    import embedstore

    with embedstore.open(store, folder=index_folder, must_exist=True) as found:
        yield found.collection(collection)


def settings(
    k: int,
    where: str | None,
    min_score: float | None,
    risk: float | None = None,
    min_confidence: float | None = None,
) -> "Settings":
    """Make settings of options; those not given keep their default."""
    from embedstore.answering.answerer import LEAST_SCORE, Settings

    least = LEAST_SCORE if min_score is None else min_score
    return Settings(k=k, where=where, min_score=least, min_confidence=min_confidence, risk=risk)


def loaded(generator: str | None, key: str | None) -> "Generator | None":
    """Load a generator by name; None leaves the choice to the answerer."""
    from embedstore.answering import generators

    return None if generator is None else generators.load(generator, key=key)


def print_answer(answer: "Answer", as_json: bool, note: str | None = None) -> None:
    """Print an answer with what it rests on, or why there is none.

    Args:
        answer: What to print.
        as_json: Whether for programs.
        note: What a person must know about every such answer.
    """
    if as_json:
        print_json(answer_json(answer, note))
        return
    if answer.text is None:
        click.echo(f"not found: {printable(answer.abstained or '')}")
        return
    if note is not None:
        click.echo(note)
    click.echo(printable(answer.text))
    sure = "not measured" if answer.confidence is None else f"{answer.confidence:.2f}"
    click.echo(f"confidence: {sure}   generator: {answer.generator}")
    rows = (
        (
            f"[{each.number}]",
            each.key,
            printable(each.text),
            f"{each.score:.3f}",
            f"{each.support:.2f}",
        )
        for each in answer.citations
    )
    print_table(("cited", "key", "says", "score", "support"), rows)


def answer_json(answer: "Answer", note: str | None = None) -> dict[str, Any]:
    """Give an answer as a JSON object."""
    told = {
        "answer": None if answer.text is None else printable(answer.text),
        "confidence": None if answer.confidence is None else round(answer.confidence, 4),
        "abstained": None if answer.abstained is None else printable(answer.abstained),
        "generator": answer.generator,
        "citations": [
            {
                "number": each.number,
                "key": each.key,
                "text": printable(each.text),
                "score": round(each.score, 6),
                "support": round(each.support, 4),
            }
            for each in answer.citations
        ],
    }
    return told if note is None else {"note": note, **told}
