"""What a request needs a key to allow, told by its method and path alone."""

import re

from fastapi import Request

from api.keys import Key, Scope
from embedstore.errors import OutOfScope

# With the page's own files they hold no data
OPEN_PATHS = frozenset({"/", "/v1/health", "/health/live", "/health/ready"})
PAGE_ENDINGS = (".js", ".css", ".svg", ".html")
READING_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# What a POST only reads with: the part after a collection's name, or after /v1/
ASKING = frozenset(
    {
        "ask",
        "caption",
        "embeddings",
        "explain",
        "search",
        "search_many",
        "search_page",
    }
)
# What changes items, or takes the one worker that there is for long work
WRITING = frozenset({"items", "delete", "clusters", "duplicates"})
A_JOB = re.compile(r"/v1/jobs/[^/]+\Z")  # to cancel one may need more, which the route looks at
# Routes that look at the collection of each thing they tell, with `sees`
LEAVING_OUT_OTHERS = re.compile(r"/v1/(collections|jobs(/.*)?)\Z")
WITHOUT_COLLECTION = frozenset({"/v1/models", "/v1/embeddings"})  # they tell of no collection


def is_open(path: str) -> bool:
    """Say whether a path is answered without a key."""
    of_page = path.count("/") == 1 and path.endswith(PAGE_ENDINGS)
    return of_page or path in OPEN_PATHS or path.startswith("/page/")


def scope_needed(method: str, path: str) -> Scope:
    """Give the scope that a request needs; what is not known to need less needs the most."""
    if method in READING_METHODS:
        return "read"
    if method == "DELETE" and A_JOB.match(path):
        return "write"
    parts = path.split("/")
    # Never the last part: that may be the name of a collection or of an item
    action = (parts[4:5] if collection_of(path) else parts[2:3]) or [""]
    if method == "POST" and action[0] in ASKING:
        return "read"
    return "write" if collection_of(path) and action[0] in WRITING else "admin"


def collection_of(path: str) -> str | None:
    """Give the collection that a path lies in; None where it lies in none."""
    parts = path.split("/")
    return parts[3] if parts[1:3] == ["v1", "collections"] and len(parts) > 3 else None


def reaches(method: str, path: str, collection: str) -> bool:
    """Say whether a key for one collection may go to a path."""
    shown = method in READING_METHODS and LEAVING_OUT_OTHERS.match(path)
    cancelled = method == "DELETE" and A_JOB.match(path)
    return (
        bool(shown or cancelled) or collection_of(path) == collection or path in WITHOUT_COLLECTION
    )


def sees(request: Request, collection: str) -> bool:
    """Say whether the key that a request came with reaches a collection."""
    key: Key | None = getattr(request.state, "key", None)
    return key is None or key.collection in (None, collection)


def allow(request: Request, scope: Scope = "read", collection: str | None = None) -> None:
    """Let a request go on whose key may do what its path alone did not tell.

    Args:
        request: It, with the key it came with.
        scope: It needs.
        collection: It reaches beside the one in its path, if any.

    Raises:
        OutOfScope: The key may not.
    """
    key: Key | None = getattr(request.state, "key", None)
    if key is not None and not key.allows(scope):
        raise OutOfScope(beyond(key, scope))
    if key is not None and collection is not None and not sees(request, collection):
        raise OutOfScope(bound(key))


def beyond(key: Key, scope: Scope) -> str:
    """Say that a key lacks a scope."""
    return f"this needs scope {scope!r}; key {key.name!r} has {key.scope!r}"


def bound(key: Key) -> str:
    """Say that a key reaches one collection alone."""
    return f"key {key.name!r} is for collection {key.collection!r} alone"
