"""`embedstore clusters`."""

from dataclasses import asdict
from pathlib import Path

import click

from api.output import print_json, print_table
from api.query_file import lines_of
from api.settings import collection_option, json_option, store_options


@click.command()
@click.option("-n", type=int, help="Clusters.  [default: the root of half the pictures, 50 most]")
@click.option(
    "--names",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Words to name clusters with, one name a line.  [default: the collection's captions]",
)
@click.option("--show", type=int, default=5, show_default=True, help="Central pictures of each.")
@store_options
@collection_option
@json_option
def clusters(
    n: int | None,
    names: Path | None,
    show: int,
    store: str,
    index_folder: str | None,
    collection: str,
    as_json: bool,
) -> None:
    """Show what a collection holds: clusters of pictures, named by the nearest captions.

    \b
    Example:
      embedstore clusters -n 20
      embedstore clusters --names things.txt
    """
    import embedstore
    from embedstore.clusters import clusters as parted

    lines = None if names is None else lines_of(names)
    with embedstore.open(store, folder=index_folder, must_exist=True) as opened:
        found = parted(opened.collection(collection), n, names=lines, central=show)
    if as_json:
        print_json([asdict(cluster) for cluster in found])
        return
    if not found:
        click.echo(f"collection {collection!r} has no pictures to part into clusters")
        return
    print_table(
        ("size", "names", "central pictures"),
        [(each.size, "; ".join(each.names), ", ".join(each.central)) for each in found],
    )
    if not any(each.names for each in found):
        click.echo("the collection has no captions; name clusters with --names FILE")
