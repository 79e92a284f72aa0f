"""`embedstore search`."""

from pathlib import Path
from typing import Any

import click

from api.output import hit_json, print_hits, print_json
from api.settings import collection_option, json_option, store_options


@click.command()
@click.argument("text", required=False)
@click.option("--image", type=click.Path(path_type=Path), help="A picture to search with.")
@click.option("--like", metavar="KEY", help="Find more like this item.")
@click.option(
    "--not", "without", metavar="WORDS", multiple=True, help="Steer away from these words."
)
@click.option(
    "--text-weight",
    type=float,
    default=0.5,
    show_default=True,
    help="Share of the text beside a picture.",
)
@click.option(
    "--target",
    type=click.Choice(["image", "text", "both"]),
    default="image",
    show_default=True,
    help="Search pictures, captions, or both.",
)
@click.option("-k", type=int, default=10, show_default=True, help="Hits wanted.")
@click.option(
    "--where", metavar="FILTER", help="Filter, such as 'year >= 2020 and \"sea\" in tags'."
)
@store_options
@collection_option
@json_option
def search(
    store: str, index_folder: str | None, collection: str, as_json: bool, **asked: Any
) -> None:
    """Find items by words, by a picture, by both, or by another item.

    \b
    Example:
      embedstore search "two dogs running" -k 5
      embedstore search "at night" --image street.jpg --not people
    """
    import embedstore

    with embedstore.open(store, folder=index_folder, must_exist=True) as opened:
        hits = opened.collection(collection).search(embedstore.Query(**asked))
    if as_json:
        print_json([hit_json(hit) for hit in hits])
    elif hits:
        print_hits(hits)
    else:
        click.echo(
            f"no hits: collection {collection!r} holds nothing that fits; "
            "try --target text, a wider --where, or `embedstore info`"
        )
