"""How an answer is printed: for a person, or as JSON."""

from typing import TYPE_CHECKING, Any

import click

from api.output import print_json, print_table, printable

if TYPE_CHECKING:
    from embedstore.answering.types import Answer


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
        if answer.confidence is not None:
            click.echo("what is asked of answers: --min-confidence, --risk", err=True)
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
