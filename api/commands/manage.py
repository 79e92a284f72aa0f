"""`embedstore info`, `get`, `delete`, `compact`, `rebuild`, `index-field`: looking after it all."""

import sys
from difflib import get_close_matches
from typing import Any

import click

from api.exit_codes import EXIT_CODES
from api.output import item_json, print_json, print_mapping, print_table
from api.settings import collection_option, json_option, store_options


@click.command()
@store_options
@click.option("--collection", "-c", help="Tell all about this collection; without it, list all.")
@json_option
def info(store: str, index_folder: str | None, collection: str | None, as_json: bool) -> None:
    """Tell what a store holds.

    \b
    Example:
      embedstore info
      embedstore info --collection photos
    """
    import embedstore

    with embedstore.open(store, folder=index_folder, must_exist=True) as opened:
        names = [each.name for each in opened.collections()] if collection is None else [collection]
        told: list[dict[str, Any]] = [dict(opened.collection(name).describe()) for name in names]
    if as_json:
        print_json(told if collection is None else told[0])
    elif collection is not None:
        print_mapping(told[0])
    else:
        columns = ("name", "encoder", "items", "vectors", "quarantined")
        print_table(columns, [[each[column] for column in columns] for each in told])


@click.command()
@click.argument("key")
@store_options
@collection_option
@json_option
def get(key: str, store: str, index_folder: str | None, collection: str, as_json: bool) -> None:
    """Show one item.

    \b
    Example:
      embedstore get photos/beach.jpg
    """
    import embedstore

    with embedstore.open(store, folder=index_folder, must_exist=True) as opened:
        item = item_json(opened.collection(collection).get(key))
    if as_json:
        print_json(item)
    else:
        print_mapping(item)


@click.command()
@click.argument("keys", nargs=-1, required=True)
@store_options
@collection_option
@json_option
def delete(
    keys: tuple[str, ...], store: str, index_folder: str | None, collection: str, as_json: bool
) -> None:
    """Delete items; `compact` then removes them from every file.

    A photo that is still in its folder comes back when the folder is indexed again.

    \b
    Example:
      embedstore delete photos/beach.jpg photos/hill.jpg
    """
    import embedstore
    from embedstore.errors import NotFound

    with embedstore.open(store, folder=index_folder, must_exist=True) as opened:
        missing = opened.collection(collection).delete(keys)
    deleted = len(set(keys)) - len(missing)
    if as_json:
        print_json({"deleted": deleted, "missing": missing})
        if not deleted:
            sys.exit(EXIT_CODES["NotFound"])
    elif not deleted:
        raise NotFound(
            f"nothing deleted; not in collection {collection!r}: {', '.join(missing)}; "
            "expected keys as `embedstore search` shows them"
        )
    else:
        click.echo(f"deleted {deleted}" + (f"; not there: {', '.join(missing)}" if missing else ""))


@click.command()
@store_options
@collection_option
@json_option
def compact(store: str, index_folder: str | None, collection: str, as_json: bool) -> None:
    """Remove deleted items from every file, and rebuild the index.

    \b
    Example:
      embedstore compact
    """
    import embedstore

    with embedstore.open(store, folder=index_folder, must_exist=True) as opened:
        opened.collection(collection).compact()
    _done(collection, "compacted: what was deleted is in no file any more", as_json)


@click.command()
@store_options
@collection_option
@json_option
def rebuild(store: str, index_folder: str | None, collection: str, as_json: bool) -> None:
    """Build the index files anew from the rows.

    \b
    Example:
      embedstore rebuild
    """
    import embedstore

    with embedstore.open(store, folder=index_folder, must_exist=True) as opened:
        opened.collection(collection).rebuild()
    _done(collection, "rebuilt from its rows", as_json)


@click.command()
@click.argument("field")
@click.option("--drop", is_flag=True, help="Drop the index of this field.")
@store_options
@json_option
def index_field(
    field: str, drop: bool, store: str, index_folder: str | None, as_json: bool
) -> None:
    """Speed up filters on a metadata field with an index of the database.

    It serves every collection of the store and comparisons of the field with a value, alone or
    joined by `and`. Worth it where filters allow few of many items; `info -c NAME` lists them.

    \b
    Example:
      embedstore index-field year
      embedstore index-field camera.model
      embedstore index-field year --drop
    """
    import embedstore

    with embedstore.open(store, folder=index_folder, must_exist=True) as opened:
        name = opened.index_field(field, drop=drop)
        known = {each for info in opened.collections() for each in opened.catalog.fields(info.id)}
    if as_json:
        print_json({"field": name, "indexed": not drop})
    else:
        near = get_close_matches(name, known, n=1)
        guess = f": did you mean {near[0]}? `--drop` takes it back" if near else ""
        new = "" if drop or name in known else f"; no item has this field yet{guess}"
        click.echo(f"{name}: its index is dropped" if drop else f"{name}: indexed{new}")


def _done(collection: str, what: str, as_json: bool) -> None:
    if as_json:
        print_json({"collection": collection, "done": what})
    else:
        click.echo(f"{collection}: {what}")
