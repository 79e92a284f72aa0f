"""Numbers of a recipe within what makes sense."""

from collections.abc import Iterable

from embedstore.errors import Invalid

Range = tuple[str, float, float]


def check_ranges(settings: object, ranges: Iterable[Range], what: str = "recipe") -> None:
    """Refuse settings that are outside their ranges.

    Args:
        settings: With the numbers as attributes; None is one that is not chosen yet.
        ranges: The name, the least and the greatest value of each.
        what: They are, for messages.

    Raises:
        Invalid: A number is outside; NaN is outside of every range.
    """
    for name, least, most in ranges:
        value = getattr(settings, name)
        if value is not None and not least <= value <= most:
            raise Invalid(f"{what}: {name} is {value}; expected {least:g} to {most:g}")
