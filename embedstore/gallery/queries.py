"""Searches to try on the sample gallery, and the photos that a person accepts for each."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DemoQuery:
    """A search whose good answers are known.

    Attributes:
        text: What to search for.
        expected: Keys of every photo in the gallery that fits.
    """

    text: str
    expected: tuple[str, ...]


def _query(text: str, names: str) -> DemoQuery:
    return DemoQuery(text, tuple(f"{name}.jpg" for name in names.split()))


DEMO_QUERIES: tuple[DemoQuery, ...] = (
    _query("a close-up of a cat", "cat"),
    _query("a cup of coffee on a table", "coffee"),
    _query("a woman in an orange space suit", "astronaut"),
    _query("a city skyline with tall buildings", "city0 city1 city2 city10 city11 city12"),
    _query(
        "mountains covered in snow",
        "mountain0 mountain3 mountain4 mountain5 snow0 snow1 snow2 snow3 snow4",
    ),
    _query("sunset over the sea", "beach0 beach4 beach5 sea2 sea3 sea5 sky1"),
    _query(
        "sand dunes in the desert",
        "badlands0 badlands5 desert1 desert2 dune2 dune3 dune4 dune5",
    ),
    _query("a rocket on a launch pad", "nasa0 nasa3 nasa5 rocket"),
)
