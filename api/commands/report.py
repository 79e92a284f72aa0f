"""`embedstore report`."""

from pathlib import Path

import click

from api.commands.answering import answer_options, opened, print_answer, settings


@click.command()
@click.argument("image", type=click.Path(path_type=Path))
@answer_options
def report(
    image: Path,
    store: str,
    index_folder: str | None,
    collection: str,
    as_json: bool,
    k: int,
    where: str | None,
    min_score: float | None,
) -> None:
    """Draft a report on a picture from the reports of similar ones, and cite them.

    The collection holds lines such as {"image": "a.jpg", "report": "No crack is seen."}. It is a
    draft, to be checked by a person.

    \b
    Example:
      embedstore report weld-17.jpg -c welds
    """
    from embedstore.answering import tasks

    with opened(store, index_folder, collection) as reported:
        answer = tasks.report(reported, image, settings(k, where, min_score))
        print_answer(answer, as_json, tasks.DRAFT)
