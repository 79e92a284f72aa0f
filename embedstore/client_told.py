"""What a server told, as the values that a local collection gives."""

from collections.abc import Mapping, Sequence
from typing import Any

from embedstore.answering.types import Answer, Citation
from embedstore.calibration import Calibration
from embedstore.catalog import FieldHeld, FieldsHeld
from embedstore.clusters import Cluster
from embedstore.corpus import Failure
from embedstore.duplicates import Duplicates, Group, Pair
from embedstore.gain import Gain
from embedstore.map import Group as MapGroup
from embedstore.map import Map, Point
from embedstore.relevance import Relevance
from embedstore.types import IN_CATALOG, Hit, Item

Told = Mapping[str, Any]


def item(told: Told) -> Item:
    """Give an item; its picture is in the server's catalog."""
    image = None if told["image"] is None else IN_CATALOG
    return Item(told["key"], image, tuple(told["texts"]), told["meta"])


def hit(told: Told) -> Hit:
    """Give a hit."""
    return Hit(item(told), told["score"], told["rank"], told["text"], told["probability"])


def answer(told: Told) -> Answer:
    """Give an answer with its citations."""
    cited = tuple(Citation(**each) for each in told["citations"])
    return Answer(told["answer"], told["confidence"], cited, told["abstained"], told["generator"])


def duplicates(told: Told) -> Duplicates:
    """Give groups of duplicates."""
    groups = (
        Group(tuple(each["keys"]), tuple(Pair(**pair) for pair in each["pairs"]))
        for each in told["groups"]
    )
    unreadable = (Failure(key, "the server's log says why") for key in told["unreadable"])
    return Duplicates(tuple(groups), told["pictures"], tuple(unreadable))


def fields(told: Told) -> FieldsHeld:
    """Give what metadata fields hold."""
    held = (
        FieldHeld(
            **{**each, "values": tuple((one["value"], one["items"]) for one in each["values"])}
        )
        for each in told["fields"]
    )
    return FieldsHeld(told["items"], told["looked_at"], tuple(held))


def clusters(told: Sequence[Told]) -> list[Cluster]:
    """Give clusters."""
    return [Cluster(tuple(each["names"]), each["size"], tuple(each["central"])) for each in told]


def calibration(told: Told) -> Calibration:
    """Give what a calibration measured."""
    gains = {
        name: None if told[name] is None else Gain(**told[name])
        for name in ("hubs_gain", "expand_gain")
    }
    kept = told["relevance"]
    relevance = None if kept is None else Relevance.from_option(kept)
    return Calibration(**{**told, **gains, "relevance": relevance})


def drawn(told: Told) -> Map:
    """Give a map."""
    points = tuple(Point(**each) for each in told["points"])
    groups = tuple(MapGroup(item(each["item"]), each["size"]) for each in told["groups"])
    return Map(points, groups, told["pictures"])
