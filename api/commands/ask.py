"""`embedstore ask`."""

from pathlib import Path

import click

from api.commands.answer_output import print_answer
from api.commands.answering import Wanted, answer_options, generator_options, own_option


@click.command()
@click.argument("question")
@click.option("--image", type=click.Path(path_type=Path), help="The picture that is asked about.")
@own_option
@generator_options
@answer_options
def ask(question: str, image: Path | None, wanted: Wanted) -> None:
    """Answer a question from what the collection holds, and cite it.

    \b
    Example:
      embedstore ask "when does the shop open"
      embedstore ask "what stands on the desk" --image room.jpg --risk 0.6
    """
    with wanted.answerer() as answerer:
        print_answer(answerer.ask(question, image), wanted.as_json)
