"""Indexes that users declare on metadata fields, for filters that allow few of many items."""

import xxhash
from sqlalchemy import Text, column, delete, select
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite

from embedstore.catalog.conditions import Exists
from embedstore.catalog.field_sql import indexed_expressions
from embedstore.catalog.filters import parse
from embedstore.catalog.metadata import Path, spell, to_json
from embedstore.catalog.registry import Registry
from embedstore.catalog.tables import field_indexes
from embedstore.errors import BadFilter, NotFound


class FieldIndexes(Registry):
    """The part of the catalog that indexes metadata fields, in all collections alike."""

    def index_field(self, field: str) -> str:
        """Make an index on a field; it stays until it is dropped.

        Args:
            field: As filters write it, such as `year` or `camera.model`; no item need have it yet.

        Returns:
            The field as `indexed_fields` lists it.

        Raises:
            BadFilter: The text is no field.
            StorageFull: No room for it; nothing is changed.
        """
        path = read_field(field)
        insert = insert_sqlite if self._database.dialect == "sqlite" else insert_postgresql
        with self._database.write() as connection:
            declared = insert(field_indexes).values(name=spell(path)).on_conflict_do_nothing()
            connection.execute(declared)
            meta = column("meta", Text)
            expressions = indexed_expressions(path, meta, self._database.dialect)
            for name, expression in zip(_names(path), expressions, strict=False):
                spelled = self._database.spelled(expression)
                connection.exec_driver_sql(
                    f"CREATE INDEX IF NOT EXISTS {name} ON items (collection_id, ({spelled}))"
                )
        if self._database.dialect == "postgresql":
            with self._database.glance() as connection:
                connection.exec_driver_sql("ANALYZE items")  # else its planner knows no values
        return spell(path)

    def drop_field_index(self, field: str) -> str:
        """Drop the index on a field; filters then read every item again.

        Returns:
            The field as `indexed_fields` listed it.

        Raises:
            BadFilter: The text is no field.
            NotFound: It has no index; the message lists those that have.
        """
        path = read_field(field)
        with self._database.write() as connection:
            gone = connection.execute(
                delete(field_indexes).where(field_indexes.c.name == spell(path))
            )
            if not gone.rowcount:
                there = ", ".join(sorted(connection.scalars(select(field_indexes.c.name))))
                raise NotFound(
                    f"field {spell(path)} has no index; those that have: {there or 'none yet'}"
                )
            for name in _names(path):
                connection.exec_driver_sql(f"DROP INDEX IF EXISTS {name}")
        return spell(path)

    def indexed_fields(self) -> list[str]:
        """List the fields that have an index, as filters write them."""
        with self._database.glance() as connection:
            return sorted(connection.scalars(select(field_indexes.c.name)))


def read_field(text: str) -> Path:
    """Read a field as filters write it.

    Raises:
        BadFilter: The text is no field.
    """
    condition = parse(f"exists({text})")
    if not isinstance(condition, Exists):
        raise BadFilter(f'{text!r} is no field; expected one such as year or meta["odd name"]')
    return condition.field


def _names(path: Path) -> tuple[str, str]:
    """Name the indexes of a field; SQLite needs the first only."""
    digest = xxhash.xxh3_64_hexdigest(to_json(path).encode())
    return f"items_by_field_{digest}", f"items_by_field_{digest}_words"
