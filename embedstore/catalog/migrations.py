"""Steps that bring a catalog to the present form, each recorded when it is done.

A step is never edited once it is released: a change of the tables is a new step at the end.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import Connection, inspect, select, text

from embedstore.catalog import tables
from embedstore.catalog.database import PG_SCHEMA, Database
from embedstore.errors import Conflict

_PG_LOCK = 0x656D6265  # any number; two processes that open a new store take turns


def _first_tables(connection: Connection) -> None:
    tables.metadata.create_all(connection, checkfirst=True)
    connection.execute(
        tables.counters.insert(), [{"name": name, "last": 0} for name in ("collection", "row")]
    )


def _query_banks(connection: Connection) -> None:
    tables.banks.create(connection, checkfirst=True)


def _promises(connection: Connection) -> None:
    tables.promises.create(connection, checkfirst=True)


def _field_indexes(connection: Connection) -> None:
    tables.field_indexes.create(connection, checkfirst=True)


def _captions_go_with_items(connection: Connection) -> None:
    drawn = tables.promises.c.asked.contains('"source": "captions"', autoescape=True)
    connection.execute(tables.promises.update().where(drawn).values(queries=b"", crc=0))
    if "of_captions" not in {each["name"] for each in inspect(connection).get_columns("banks")}:
        connection.execute(text("ALTER TABLE banks ADD COLUMN of_captions INTEGER"))


STEPS: tuple[tuple[str, Callable[[Connection], None]], ...] = (
    ("0001 tables", _first_tables),
    ("0002 query banks", _query_banks),
    ("0003 promises", _promises),
    ("0004 field indexes", _field_indexes),
    ("0005 captions go with items", _captions_go_with_items),
)


def migrate(database: Database) -> None:
    """Apply the steps that a catalog lacks, in one transaction.

    Raises:
        Conflict: A newer version wrote the catalog, or it is another program's database.
    """
    with database.snapshot() as connection:
        if not _lacking(connection, database):
            return
    with database.write() as connection:
        if database.dialect == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_PG_LOCK})"))
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {PG_SCHEMA}"))
        lacking = _lacking(connection, database)
        tables.migrations.create(connection, checkfirst=True)
        for name, step in lacking:
            step(connection)
            done = {"name": name, "applied_at": datetime.now(UTC).isoformat()}
            connection.execute(tables.migrations.insert(), done)


def _lacking(
    connection: Connection, database: Database
) -> list[tuple[str, Callable[[Connection], None]]]:
    present = set(inspect(connection).get_table_names())
    if "migrations" not in present:
        if present:
            raise Conflict(
                f"{database.where} is not a catalog of embedstore: it holds the tables "
                f"{', '.join(sorted(present)[:5])}; choose another place"
            )
        return list(STEPS)
    done = set(connection.scalars(select(tables.migrations.c.name)))
    unknown = sorted(done - {name for name, _ in STEPS})
    if unknown:
        raise Conflict(
            f"{database.where} was written by a newer embedstore (step {unknown[-1]!r} is unknown "
            "here); upgrade with `pip install --upgrade embedstore`"
        )
    return [(name, step) for name, step in STEPS if name not in done]
