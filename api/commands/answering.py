"""What the commands that answer share: their options, and what answers."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, fields
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from api.settings import collection_option, endpoint_options, json_option, store_options

if TYPE_CHECKING:
    from embedstore import Collection
    from embedstore.answering.answerer import Answerer, Settings
    from embedstore.answering.generators import EndpointSettings

Command = Callable[..., Any]


@dataclass(frozen=True)
class Wanted:
    """What the options of a command that answers ask for; those it lacks keep their default."""

    store: str
    index_folder: str | None
    collection: str
    as_json: bool
    k: int
    where: str | None
    min_score: float | None
    leave_out_own: bool = False
    generator: str | None = None
    endpoint_key: str | None = None
    endpoint_timeout: float | None = None
    endpoint_retries: int | None = None
    endpoint_budget: float | None = None
    endpoint_text_only: bool = False
    risk: float | None = None
    min_confidence: float | None = None

    @property
    def settings(self) -> "Settings":
        """Say what to look at, and when to abstain."""
        from embedstore.answering.answerer import LEAST_SCORE, Settings
        from embedstore.answering.evidence import OwnGroup

        return Settings(
            k=self.k,
            where=self.where,
            min_score=LEAST_SCORE if self.min_score is None else self.min_score,
            min_confidence=self.min_confidence,
            risk=self.risk,
            leave_out=OwnGroup() if self.leave_out_own else None,
        )

    def opened(self) -> "AbstractContextManager[Collection]":
        """Give the collection, of an existing store."""
        return opened(self.store, self.index_folder, self.collection)

    @contextmanager
    def answerer(self) -> "Iterator[Answerer]":
        """Give what answers from the collection."""
        from embedstore.answering import generators
        from embedstore.answering.answerer import Answerer

        with self.opened() as collection:
            name, told = self.generator, endpoint_settings(vars(self))
            chosen = None if name is None else generators.load(name, endpoint=told)
            yield Answerer(collection, chosen, self.settings)


def answer_options(command: Command) -> Command:
    """Add the options of every command that answers from neighbours.

    The command is given them, and those of `generator_options` and `own_option`, as `wanted`.
    """

    @wraps(command)
    def gathered(**given: Any) -> Any:
        options = {each.name: given.pop(each.name) for each in fields(Wanted) if each.name in given}
        return command(**given, wanted=Wanted(**options))

    answering: Command = gathered
    for option in (
        click.option(
            "-k", type=int, default=8, show_default=True, help="Neighbours to answer from."
        ),
        click.option("--where", metavar="FILTER", help="Answer only from what this filter allows."),
        click.option(
            "--min-score",
            type=float,
            help="What scores less is no neighbour; without one, abstain.",
        ),
        store_options,
        collection_option,
        json_option,
    )[::-1]:
        answering = option(answering)
    return answering


def own_option(command: Command) -> Command:
    """Add the option that keeps a stored picture from being evidence for itself."""
    return click.option(
        "--leave-out-own",
        is_flag=True,
        help="The picture itself, its near-duplicates and all with their captions are no evidence.",
    )(command)


def generator_options(command: Command) -> Command:
    """Add the options that say who writes, and how sure it must be."""
    for option in (
        click.option(
            "--risk", type=float, help="Share of given answers that may be wrong, 0 to 1."
        ),
        click.option("--min-confidence", type=float, help="Withhold what is less probably right."),
        writer_options,
    ):
        command = option(command)
    return command


def writer_options(command: Command) -> Command:
    """Add the options that say who writes."""
    choice = click.option(
        "--generator",
        envvar="EMBEDSTORE_GENERATOR",
        help="consensus, head, head:FOLDER, endpoint:URL#MODEL or hf:FOLDER.  "
        "[default: head where it fits the collection, else consensus]",
    )
    chosen: Command = choice(endpoint_options(command))
    return chosen


def endpoint_settings(given: Mapping[str, Any]) -> "EndpointSettings":
    """Give how an endpoint is asked, of the values of `settings.endpoint_options`."""
    from embedstore.answering.generators import EndpointSettings

    return EndpointSettings(
        key=given["endpoint_key"],
        timeout=given["endpoint_timeout"],
        retries=given["endpoint_retries"],
        budget=given["endpoint_budget"],
        images=not given["endpoint_text_only"],
    )


@contextmanager
def opened(store: str, index_folder: str | None, collection: str) -> "Iterator[Collection]":
    """Give a collection of an existing store."""
    import embedstore

    with embedstore.open(store, folder=index_folder, must_exist=True) as found:
        yield found.collection(collection)
