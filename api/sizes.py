"""Sizes in bytes as people write them."""

import re

import click

_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_UNITS |= {"kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([a-zA-Z]*)")


def size(text: str) -> int:
    """Give the bytes that a text means, such as 500MB or 2GiB.

    Raises:
        click.BadParameter: It is no such text.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None or found[2].lower() not in _UNITS:
        raise click.BadParameter(f"{text!r} is no size; expected something like 500MB or 2GiB")
    return int(float(found[1]) * _UNITS[found[2].lower()])
