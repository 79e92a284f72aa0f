"""The names of collections: which are allowed, whose they are, and whose they no longer are."""

import re

from sqlalchemy import ColumnElement, Connection, bindparam, select

from embedstore.catalog.tables import collections
from embedstore.catalog.values import CollectionInfo
from embedstore.errors import Conflict, Invalid, NotFound

NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
HIDDEN = "~"  # starts the names of collections that no user sees, such as one being re-embedded
HOLDER = select(collections.c.id).where(collections.c.name == bindparam("name"))


def gone(collection_id: int) -> NotFound:
    """The error for an id whose collection was dropped, or gave its name to another."""
    return NotFound(
        f"collection number {collection_id} is gone; it was dropped meanwhile or has another name"
    )


def check_name(name: str) -> None:
    """Refuse a name that users may not give.

    Raises:
        Invalid: Names the form that is expected.
    """
    if not NAME.fullmatch(name) or name in (".", ".."):
        raise Invalid(
            f"collection name {name!r} is not allowed; expected 1 to 64 letters, digits, _ . -"
        )


def check_free(connection: Connection, name: str) -> None:
    """Refuse a name that a collection has.

    Raises:
        Conflict: It is taken.
    """
    if connection.scalar(HOLDER, {"name": name}) is not None:
        raise Conflict(f"collection {name!r} exists; choose another name, or drop it first")


def check_called(connection: Connection, info: CollectionInfo) -> None:
    """Refuse a collection that has another name by now; it keeps this one until the commit.

    Raises:
        NotFound: It was dropped, or its name went to another.
    """
    named = select(collections.c.name).where(collections.c.id == info.id).with_for_update()
    if connection.scalar(named) != info.name:
        raise gone(info.id)


def heirs_of(collection_id: int) -> ColumnElement[bool]:
    """Say which collections were begun to take the place of one."""
    return collections.c.name.startswith(f"{HIDDEN}{collection_id}{HIDDEN}")
