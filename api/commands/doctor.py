"""`embedstore doctor`."""

import sys
from contextlib import nullcontext
from dataclasses import asdict

import click

from api.output import print_json, print_table
from api.settings import json_option, store_options


@click.command()
@store_options
@json_option
def doctor(store: str, index_folder: str | None, as_json: bool) -> None:
    """Check the machine and the store, and say which device is used and why.

    \b
    Example:
      embedstore doctor
    """
    import embedstore
    from embedstore.errors import NotFound
    from embedstore.health import examine

    try:
        opened = embedstore.open(store, folder=index_folder, must_exist=True)
    except NotFound:
        opened = None
    with opened if opened is not None else nullcontext():
        findings = list(examine(opened))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        print_table(
            ("check", "state", "detail"), [tuple(asdict(each).values()) for each in findings]
        )
        if opened is None:
            click.echo(f"no store at {store}; name yours with --store to have it checked too")
    if any(finding.state == "failed" for finding in findings):
        sys.exit(1)
