"""`embedstore keys`: who may use a served store."""

from typing import TYPE_CHECKING

import click

from api.output import print_json, print_table
from api.settings import json_option, store_options

if TYPE_CHECKING:
    from api.keys import KeyRing, Scope


@click.group()
def keys() -> None:
    """Make, list and revoke the API keys of a store.

    Once a key was made, `embedstore serve` asks for one, on loopback too. Keys lie in keys.json
    beside the store (with a database URL: in --index-folder), as SHA-256 alone.

    \b
    Example:
      embedstore keys create phone --scope read --collection photos
    """


@keys.command()
@click.argument("name")
@click.option(
    "--scope",
    type=click.Choice(["read", "write", "admin"]),
    default="read",
    show_default=True,
    help="The most it may do: search; change items; make, drop and rebuild collections.",
)
@click.option("--collection", help="The only collection that it reaches.  [default: all]")
@store_options
@json_option
def create(
    name: str,
    scope: "Scope",
    collection: str | None,
    store: str,
    index_folder: str | None,
    as_json: bool,
) -> None:
    """Make a key and print it, once.

    \b
    Example:
      embedstore keys create phone --scope read --collection photos
    """
    token = _ring(store, index_folder, collection).create(name, scope, collection)
    if as_json:
        print_json({"name": name, "scope": scope, "collection": collection, "key": token})
        return
    click.echo(token)
    click.echo("it is not shown again; clients send `Authorization: Bearer KEY`", err=True)
    click.echo("from now on `embedstore serve` asks everybody for a key, on loopback too", err=True)


@keys.command("list")
@store_options
@json_option
def list_keys(store: str, index_folder: str | None, as_json: bool) -> None:
    """List the keys, without what opens.

    \b
    Example:
      embedstore keys list
    """
    held = _ring(store, index_folder).keys()
    if as_json:
        fields = ("name", "scope", "collection", "created")
        print_json([{field: getattr(key, field) for field in fields} for key in held])
    else:
        rows = [(key.name, key.scope, key.collection or "all", key.created) for key in held]
        print_table(("name", "scope", "collection", "created"), rows)


@keys.command()
@click.argument("name")
@store_options
def revoke(name: str, store: str, index_folder: str | None) -> None:
    """Let a key open nothing any more, in running servers too.

    \b
    Example:
      embedstore keys revoke phone
    """
    _ring(store, index_folder).revoke(name)
    click.echo(f"revoked {name}")


def _ring(store: str, index_folder: str | None, collection: str | None = None) -> "KeyRing":
    import embedstore
    from api.keys import KeyRing

    with embedstore.open(store, folder=index_folder, must_exist=True) as opened:
        if collection is not None:
            opened.catalog.describe(collection)  # which names those that there are
        return KeyRing(opened.folder)
