"""Questions made from captions by a few patterns, so that a head learns to answer from captions.

They are simple, and as wrong as the captions are incomplete: a dog that nobody mentioned counts as
not there.
"""

import re
from collections.abc import Sequence

_COLOURS = "black|white|red|blue|green|yellow|brown|orange|pink|purple|grey|gray|tan|blond|blonde"
_NUMBERS = "two|three|four|five|six|seven|eight"
_WHO = "man|woman|boy|girl|child|person|baby|dog|lady|guy|player|kid|toddler|skateboarder|surfer"
_CLOTHED = "man|woman|boy|girl|child|person|baby|lady|guy|player|kid|toddler"
_THINGS = re.findall(
    "[a-z]+",
    "dog cat man woman boy girl child baby ball water snow grass beach bike bicycle motorcycle "
    "car tree street hat shirt rock horse bird boat skateboard swing slide pool fountain mountain "
    "fence field sand stick toy helmet jacket camera crowd building bench",
)
_STOPS = "is|are|and|while|with|on|in|at|as|by|near|playing|standing|sitting|walking|running|who"
_COLOUR = re.compile(rf"(?<!and )\b({_COLOURS}) ([a-z]+)\b")
_NUMBER = re.compile(rf"\b({_NUMBERS}) ([a-z]+s|men|women|people|children)\b")
_WEARING = re.compile(
    rf"\b({_CLOTHED}) (?:is )?(?:wearing|dressed in) (?:an? |the )?"
    rf"((?:[a-z-]+ ){{0,3}}?[a-z-]+)(?= (?:{_STOPS})\b|$| ,|,)"
)
_DOING = re.compile(rf"\b({_WHO})s? (?:is |are )?([a-z]+ing)\b(?! an?\b)")
_WHERE = re.compile(
    rf"\b({_WHO})\b.*?\b((?:on|in|at|through) (?:the|a) (?:[a-z]+ )?"
    r"(?:beach|street|snow|water|grass|field|pool|sand|park|road|woods|ocean|mountain|building))\b"
)
_NO_NOUN = set(_COLOURS.split("|")) | {"and", "or", "in", "on", "with", "is", "are", "haired"}


def made(caption: str, others: Sequence[str], absent: str) -> list[tuple[str, str]]:
    """Make questions with answers from a caption.

    Args:
        caption: Lowercase words of it.
        others: Of the same photo; what one of them mentions is not absent.
        absent: A thing that is asked for too, if nobody mentions it.

    Returns:
        Pairs of question and answer; there may be none.
    """
    found = [
        (f"what color is the {thing}", colour)
        for colour, thing in _COLOUR.findall(caption)
        if thing not in _NO_NOUN
    ]
    found += [(f"how many {things} are there", count) for count, things in _NUMBER.findall(caption)]
    found += [
        (f"what is the {who} wearing", clothes)
        for who, clothes in _WEARING.findall(caption)
        if clothes not in _NO_NOUN
    ]
    found += [
        (f"what is the {who} doing", deed)
        for who, deed in _DOING.findall(caption)
        if deed not in ("wearing", "king", "ring", "clothing", "holding")
    ]
    found += [(f"where is the {who}", place) for who, place in _WHERE.findall(caption)]
    words = caption.split()
    found += [(f"is there a {thing}", "yes") for thing in _THINGS if thing in words][:1]
    if not any(absent in text for text in (caption, *others)):
        found.append((f"is there a {absent}", "no"))
    found.append(("what is in the picture", caption))
    return found


def things() -> Sequence[str]:
    """Give what may be asked for though it is not there."""
    return _THINGS
