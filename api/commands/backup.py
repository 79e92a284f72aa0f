"""`embedstore backup` and `embedstore restore`."""

from pathlib import Path
from typing import Any

import click

from api.output import print_json
from api.settings import json_option, store_options


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@store_options
@json_option
def backup(file: Path, store: str, index_folder: str | None, as_json: bool) -> None:
    """Write a store, in use or not, to one file.

    It holds all rows: items, vectors, pictures that were uploaded. Pictures that were indexed from
    files stay where they are; API keys and index files are left out. A file that is there is
    replaced, once the new one is whole.

    \b
    Example:
      embedstore backup photos.zip
    """
    import embedstore
    from embedstore.backup import backup as write

    done = "replaced" if file.expanduser().exists() else "wrote"
    with embedstore.open(store, folder=index_folder, must_exist=True) as opened:
        _tell(f"{done} {file}", write(opened, file), as_json)


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@store_options
@json_option
def restore(file: Path, store: str, index_folder: str | None, as_json: bool) -> None:
    """Make a store from a backup, in a folder that is empty or not there.

    Indices are built anew with `embedstore rebuild`; until then searches score every row.

    \b
    Example:
      embedstore restore photos.zip --store photos-again
    """
    from embedstore.backup import restore as read

    if "://" in store or index_folder is not None:
        raise click.UsageError(
            f"--store {store.partition('://')[0]}: a backup is restored into a folder; "
            "PostgreSQL restores its own dumps with pg_restore"
        )
    _tell(f"made {store}", read(file, Path(store)), as_json)


def _tell(done: str, manifest: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(manifest)
        return
    held = manifest["collections"]
    items = sum(each["items"] for each in held.values())
    click.echo(f"{done}: {len(held)} collections, {items} items, {manifest['bytes']} bytes")
