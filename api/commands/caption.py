"""`embedstore caption`."""

from pathlib import Path

import click

from api.commands.answer_output import print_answer
from api.commands.answering import Wanted, answer_options, generator_options, own_option


@click.command()
@click.argument("image", type=click.Path(path_type=Path))
@own_option
@generator_options
@answer_options
def caption(image: Path, wanted: Wanted) -> None:
    """Say what a picture shows, from its neighbours' captions, and cite them.

    \b
    Example:
      embedstore caption holiday.jpg
      embedstore caption holiday.jpg --generator consensus --where 'year >= 2020' --json
    """
    with wanted.answerer() as answerer:
        print_answer(answerer.caption(image), wanted.as_json)
