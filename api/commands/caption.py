"""`embedstore caption`."""

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
@click.argument("image", type=click.Path(path_type=Path))
@generator_options
@answer_options
def caption(
    image: Path,
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
    """Say what a picture shows, from its neighbours' captions, and cite them.

    \b
    Example:
      embedstore caption holiday.jpg
      embedstore caption holiday.jpg --generator consensus --where 'year >= 2020' --json
    """
    from embedstore.answering.answerer import Answerer

    held = settings(k, where, min_score, risk=risk, min_confidence=min_confidence)
    with opened(store, index_folder, collection) as photos:
        answer = Answerer(photos, loaded(generator, endpoint_key), held).caption(image)
        print_answer(answer, as_json)
