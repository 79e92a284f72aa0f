"""`embedstore report`."""

from pathlib import Path

import click

from api.commands.answer_output import print_answer
from api.commands.answering import Wanted, answer_options, own_option


@click.command()
@click.argument("image", type=click.Path(path_type=Path))
@own_option
@answer_options
def report(image: Path, wanted: Wanted) -> None:
    """Draft a report on a picture from the reports of similar ones, and cite them.

    The collection holds lines such as {"image": "a.jpg", "report": "No crack is seen."}. It is a
    draft, to be checked by a person.

    \b
    Example:
      embedstore report weld-17.jpg -c welds
    """
    from embedstore.answering import tasks

    with wanted.opened() as reported:
        answer = tasks.report(reported, image, wanted.settings)
        print_answer(answer, wanted.as_json, tasks.DRAFT)
