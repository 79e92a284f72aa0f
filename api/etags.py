"""Names of what an answer holds, by which a client asks for it only if it is another."""

import re

_LISTED = re.compile(r'(?:W/)?("[^"]*")')


def has(known: str | None, tag: str) -> bool:
    """Say whether a client has what a tag names.

    Args:
        known: Its If-None-Match header.
        tag: In quotes.
    """
    return known is not None and (known.strip() == "*" or tag in _LISTED.findall(known))
