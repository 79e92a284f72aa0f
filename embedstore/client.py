"""A store that another machine serves, with the face of one that is here."""

from dataclasses import dataclass
from types import TracebackType
from typing import Self

from embedstore.client_collection import RemoteCollection
from embedstore.client_jobs import Progress, done
from embedstore.client_line import RETRIES, SECONDS, Line, part
from embedstore.corpus import Failure
from embedstore.errors import Conflict
from embedstore.re_embedding import ReEmbedded


def connect(
    url: str, *, key: str | None = None, seconds: float = SECONDS, retries: int = RETRIES
) -> "RemoteStore":
    """Use a store that `embedstore serve` serves.

    Args:
        url: Of the server, such as `http://localhost:8000`.
        key: Made by `embedstore keys create`.
        seconds: Longest wait for an answer.
        retries: Of what the server refused because it is busy, or did not hear.

    Returns:
        The store; close it, or use it in a `with` statement. Requests are sent when it is asked.

    Raises:
        Invalid: The URL is none.
    """
    return RemoteStore(Line(url, key, seconds, retries))


@dataclass(frozen=True)
class RemoteInfo:
    """What a list of collections tells of each: its name, its encoder, how many items it has."""

    name: str
    encoder: str
    items: int


class RemoteStore:
    """The collections of a server; any number of threads may use it."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def create(
        self,
        name: str,
        encoder: str = "mini",
        *,
        prompts: tuple[str, ...] = ("{}",),
        exist_ok: bool = False,
    ) -> RemoteCollection:
        """Create a collection; see `Store.create`.

        Raises:
            Conflict: The name is taken; with `exist_ok`, by a collection of another encoder.
        """
        wanted = {"name": name, "encoder": encoder, "prompts": list(prompts)}
        try:
            self._line.ask("POST", "/collections", wanted)
        except Conflict:
            there = {each.name: each.encoder for each in self.collections()}
            if not (exist_ok and there.get(name) == encoder):
                raise
        return RemoteCollection(self._line, name)

    def collection(self, name: str) -> RemoteCollection:
        """Open a collection.

        Raises:
            NotFound: No such collection.
        """
        found = RemoteCollection(self._line, name)
        found.describe()
        return found

    def collections(self) -> list[RemoteInfo]:
        """List the collections that the key reaches."""
        told = self._line.ask("GET", "/collections")
        return [RemoteInfo(each["name"], each["encoder"], each["items"]) for each in told]

    def drop(self, name: str) -> None:
        """Delete a collection with all its items."""
        self._line.ask("DELETE", f"/collections/{part(name)}")

    def re_embed(
        self,
        name: str,
        encoder: str,
        *,
        keep: str | None = None,
        allow_missing: bool = False,
        skip_without_source: bool = False,
        progress: Progress | None = None,
    ) -> ReEmbedded:
        """Move a collection to another encoder and wait until it is there; see `re_embed`."""
        wanted = {
            "encoder": encoder,
            "keep": keep,
            "allow_missing": allow_missing,
            "skip_without_source": skip_without_source,
        }
        told = done(self._line, f"/collections/{part(name)}/re-embed", wanted, progress)
        failed = [Failure(**each) for each in told["failed"]]
        return ReEmbedded(**{**told, "failed": failed})

    def close(self) -> None:
        """Close the connections."""
        self._line.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
