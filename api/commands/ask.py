"""`embedstore ask`."""

from pathlib import Path

import click

from api.commands.answering import (
    answer_options,
    generator_options,
    loaded,
    opened,
    print_answer,
    settings,
)


@click.command()
@click.argument("question")
@click.option("--image", type=click.Path(path_type=Path), help="The picture that is asked about.")
@generator_options
@answer_options
def ask(
    question: str,
    image: Path | None,
    generator: str | None,
    risk: float | None,
    min_confidence: float | None,
    endpoint_key: str | None,
    store: str,
    index_folder: str | None,
    collection: str,
    as_json: bool,
    k: int,
    where: str | None,
    min_score: float | None,
) -> None:
    """Answer a question from what the collection holds, and cite it.

    \b
    Example:
      embedstore ask "what stands on the desk" --image room.jpg
      embedstore ask "when does the shop open" --risk 0.2
    """
    from embedstore.answering.answerer import Answerer

    held = settings(k, where, min_score, risk=risk, min_confidence=min_confidence)
    with opened(store, index_folder, collection) as items:
        answer = Answerer(items, loaded(generator, endpoint_key), held).ask(question, image)
        print_answer(answer, as_json)
