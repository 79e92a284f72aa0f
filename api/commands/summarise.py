"""`embedstore summarise`."""

import click

from api.commands.answer_output import print_answer
from api.commands.answering import opened
from api.settings import collection_option, json_option, store_options


@click.command()
@click.option("--query", metavar="WORDS", help="Describe only what is nearest to these words.")
@click.option("--where", metavar="FILTER", help="Describe only what this filter allows.")
@click.option("-n", type=int, default=5, show_default=True, help="Sentences, at most.")
@click.option(
    "-k", type=int, help="Items to look at.  [default: the first 500, or 50 nearest to --query]"
)
@store_options
@collection_option
@json_option
def summarise(
    query: str | None,
    where: str | None,
    n: int,
    k: int | None,
    store: str,
    index_folder: str | None,
    collection: str,
    as_json: bool,
) -> None:
    """Describe an album in a few sentences: what most of its pictures show, and which ones.

    \b
    Example:
      embedstore summarise --where 'year == 2020'
      embedstore summarise --query "at the sea" -n 3
    """
    from embedstore.answering.summary import summarise as described

    with opened(store, index_folder, collection) as album:
        print_answer(described(album, where=where, query=query, sentences=n, most=k), as_json)
