"""`among(column, values)`: membership in a list that is one parameter.

The SQL is the same for any number of values, so it is compiled and prepared once. The value to
bind comes from `Database.listed`.
"""

from typing import Any

from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class among(FunctionElement[bool]):  # noqa: N801 - reads as SQL
    """Say whether a column's value is one of a bound list.

    It has no SQL type: for a Boolean, SQLAlchemy adds `= 1` on SQLite, and then no index is used.
    """

    inherit_cache = True


@compiles(among, "sqlite")
def _sqlite(element: among, compiler: SQLCompiler, **options: Any) -> str:
    column, values = element.clauses
    left, right = compiler.process(column, **options), compiler.process(values, **options)
    return f"{left} IN (SELECT value FROM json_each({right}))"  # noqa: S608 - made of bound parts


@compiles(among, "postgresql")
def _postgresql(element: among, compiler: SQLCompiler, **options: Any) -> str:
    column, values = element.clauses
    left, right = compiler.process(column, **options), compiler.process(values, **options)
    return f"{left} = ANY ({right})"
