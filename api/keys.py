"""API keys: who may do what. They lie beside the store, never in it, so no backup holds them.

A key is 256 random bits, so one SHA-256 keeps it as safe as a slow hash would: slowness helps only
where keys can be guessed, and it would cost each request.
"""

import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from filelock import FileLock

from embedstore.errors import Conflict, Corrupt, Invalid, NotFound, StorageFull

KEYS_FILE = "keys.json"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")

Scope = Literal["read", "write", "admin"]
SCOPES: tuple[Scope, ...] = ("read", "write", "admin")  # each may do what those before it may


@dataclass(frozen=True)
class Key:
    """What the holder of a key may do.

    Attributes:
        name: For people.
        scope: The most it may do.
        collection: The only one it reaches; None for all.
        digest: SHA-256 of the key, hexadecimal.
        created: When, in UTC.
    """

    name: str
    scope: Scope
    collection: str | None
    digest: str
    created: str

    def is_of(self, token: bytes) -> bool:
        """Say whether a token is this key, in a time that does not tell how near it is."""
        return hmac.compare_digest(self.digest, digest_of(token))

    def allows(self, scope: Scope) -> bool:
        """Say whether the key may do what asks for a scope."""
        return SCOPES.index(scope) <= SCOPES.index(self.scope)


def digest_of(token: str | bytes) -> str:
    """Give what is kept of a key."""
    return hashlib.sha256(token.encode() if isinstance(token, str) else token).hexdigest()


class KeyRing:
    """The keys of one store, in a file that only its owner may read."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / KEYS_FILE
        self._read: tuple[tuple[int, int, int], tuple[Key, ...]] | None = None

    def exists(self) -> bool:
        """Say whether a key was ever made; from then on keys are asked for."""
        return self._file.exists()

    def keys(self) -> tuple[Key, ...]:
        """Give the keys in force, read again when another process changed them.

        Raises:
            Corrupt: The file does not hold keys.
        """
        try:
            seen = self._file.stat()
        except FileNotFoundError:
            return ()
        stamp = (seen.st_ino, seen.st_mtime_ns, seen.st_size)
        if self._read is None or self._read[0] != stamp:
            self._read = (stamp, self._parsed())
        return self._read[1]

    def holder(self, token: bytes) -> Key | None:
        """Give the key that a token is, in a time that does not depend on which."""
        fitting = [key for key in self.keys() if key.is_of(token)]
        return fitting[0] if fitting else None

    def create(self, name: str, scope: Scope, collection: str | None = None) -> str:
        """Make a key and give it; it cannot be read again.

        Raises:
            Invalid: The name is no name.
            Conflict: The name is taken.
        """
        if not NAME.fullmatch(name):
            raise Invalid(f"key name {name!r}; expected up to 64 of letters, digits, `_`, `.`, `-`")
        token = f"es_{secrets.token_urlsafe(32)}"
        made = datetime.now(UTC).isoformat(timespec="seconds")
        key = Key(name, scope, collection, digest_of(token), made)

        def added(keys: tuple[Key, ...]) -> tuple[Key, ...]:
            if name in {each.name for each in keys}:
                raise Conflict(
                    f"a key {name!r} exists; choose another, or `embedstore keys revoke {name}`"
                )
            return (*keys, key)

        self._change(added)
        return token

    def revoke(self, name: str) -> None:
        """Let a key open nothing any more, in running servers too.

        Raises:
            NotFound: No such key.
        """

        def left(keys: tuple[Key, ...]) -> tuple[Key, ...]:
            if name not in {each.name for each in keys}:
                raise NotFound(f"no key {name!r}; `embedstore keys list` tells which there are")
            return tuple(each for each in keys if each.name != name)

        self._change(left)

    def _change(self, change: Callable[[tuple[Key, ...]], tuple[Key, ...]]) -> None:
        beside = self._file.with_suffix(".tmp")
        try:
            with FileLock(self._file.with_suffix(".lock"), mode=0o600):
                changed = json.dumps({"keys": [asdict(key) for key in change(self.keys())]})
                _write_private(beside, changed)
                beside.replace(self._file)
        except OSError as error:
            raise StorageFull(
                f"cannot write {self._file} ({error.strerror}); make its folder writable"
            ) from error

    def _parsed(self) -> tuple[Key, ...]:
        try:
            held = json.loads(self._file.read_text(encoding="utf-8"))["keys"]
            keys = tuple(Key(**each) for each in held)
            if any(key.scope not in SCOPES for key in keys):
                raise ValueError("an unknown scope")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Corrupt(
                f"{self._file} does not hold keys ({type(error).__name__}); "
                "remove it and make keys anew with `embedstore keys create`"
            ) from error
        return keys


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)  # left by a process that died
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
