"""faiss, imported when it is first needed: loading it costs more than a whole `--help`."""

from importlib import import_module
from typing import Any


def load_faiss() -> Any:
    """Give the faiss module; untyped, because its stubs lack most of what is used here."""
    return import_module("faiss")
