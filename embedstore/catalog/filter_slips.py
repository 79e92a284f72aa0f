"""What people write in filters by habit from elsewhere, and what it is here."""

import re

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_SLIPS = tuple(
    (re.compile(sign), here)
    for sign, here in (
        (r"=<", "write <= for at most"),
        (r"=>", "write >= for at least"),
        (r"<>", "write != for unlike"),
        (r"===|(?<![=!<>:])=(?![=~])", "write == for equal"),
        (r"&&|\bAND\b", "write `and`"),
        (r"\|\||\bOR\b", "write `or`"),
        (r"!(?!=)|\bNOT\b", "write `not`"),
        (r"\bIN\b", "write `in`"),
        (r"(?i)\b(contains|has|includes)\b", 'write "sea" in tags for a list that holds it'),
        (r"(?i)\b(like|matches)\b|~", "parts of a text cannot be looked for; use == or in"),
    )
)


def slip(text: str) -> str:
    """Give what to write instead, as `...; ` before a message; nothing where no slip is known.

    Args:
        text: A filter that does not parse.
    """
    bare = _QUOTED.sub('""', text)
    return next((f"{here}; " for sign, here in _SLIPS if sign.search(bare)), "")
