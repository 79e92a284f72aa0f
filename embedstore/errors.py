"""What can go wrong, in one tree; each branch has one HTTP status and one exit code.

EmbedStoreError
├── NotFound          404  no such store, collection or item
├── Conflict          409  SpaceMismatch, Moved, StoreLocked
├── Invalid           422  BadImage, BadQuery, BadFilter, BadItem, NotFinite
├── NotAllowed        403  OutOfScope; Unauthorized (401)
├── Unavailable       503  MissingExtra, NoDevice, Overloaded
├── Corrupt           500  stored bytes that fail their checksum
└── StorageFull       507  disk full or folder read-only

A message says what happened, the value seen, what was expected, and what to type next.
"""


class EmbedStoreError(Exception):
    """Base of every error that embedstore raises on purpose."""


class NotFound(EmbedStoreError):
    """A store, collection, item or file that is not there."""


class Conflict(EmbedStoreError):
    """A request that contradicts what is stored."""


class SpaceMismatch(Conflict):
    """Vectors of one space offered to a collection of another."""


class Moved(Conflict):
    """A collection whose name went to another one since it was opened; open it again."""


class StoreLocked(Conflict):
    """Another process holds the store for longer than the wait."""


class Invalid(EmbedStoreError):
    """Input that can never succeed as it is."""


class BadImage(Invalid):
    """Bytes that do not decode to a picture within the bounds."""


class BadQuery(Invalid):
    """A query that says nothing, or asks for the impossible."""


class BadFilter(Invalid):
    """A filter that does not parse or names an unknown field."""


class BadItem(Invalid):
    """An item that cannot be stored: no key, no content, metadata that is not JSON, NaN vector."""


class NotFinite(Invalid):
    """Training whose loss, gradient or vectors are NaN or infinite."""


class NotAllowed(EmbedStoreError):
    """Something that the key in use may not do."""


class Unauthorized(NotAllowed):
    """No key, or one that the server does not know."""


class OutOfScope(NotAllowed):
    """A key that lacks the scope, or is for another collection."""


class Unavailable(EmbedStoreError):
    """Something needed is not here now."""


class MissingExtra(Unavailable):
    """An optional package that is not installed."""


class NoDevice(Unavailable):
    """A device that was asked for and is not there."""


class Overloaded(Unavailable):
    """Too much work at once; try again."""


class Corrupt(EmbedStoreError):
    """Stored bytes that fail their checksum."""


class StorageFull(EmbedStoreError):
    """A disk that is full or a folder that cannot be written."""
