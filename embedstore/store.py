"""A store: a folder of collections, or a database with a folder of index files beside it."""

import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from embedstore.catalog import Catalog, CollectionInfo
from embedstore.collection import Collection
from embedstore.encoders import load as load_encoder
from embedstore.errors import Conflict, Invalid, NotFound, StorageFull
from embedstore.index_folders import sweep
from embedstore.types import Encoder

CATALOG_FILE = "catalog.sqlite"


def open(
    location: str | Path, *, folder: str | Path | None = None, must_exist: bool = False
) -> "Store":
    """Open a store, or create one.

    Args:
        location: A folder, or a URL such as `postgresql+psycopg://user@host/name`.
        folder: Where index files go when `location` is a URL.
        must_exist: Refuse to create a folder store that is not there.

    Returns:
        The store; close it, or use it in a `with` statement.

    Raises:
        NotFound: The store must exist and does not.
        StorageFull: The folder cannot be made or written.
        Unavailable: The database cannot be reached.
    """
    if "://" in str(location):
        if folder is None:
            raise Invalid(
                "a store in a database needs a folder for its index files; "
                "give folder=PATH (on the command line: --index-folder PATH)"
            )
        return Store(Catalog(str(location)), Path(folder).expanduser())
    root = Path(location).expanduser().absolute()
    catalog = root / CATALOG_FILE
    if must_exist and not catalog.exists():
        raise NotFound(
            f"no store at {root}: it holds no {CATALOG_FILE}; "
            f"make one with `embedstore index PATH --store {location}`"
        )
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageFull(
            f"cannot make the store folder {root}: {error.strerror}; choose another place"
        ) from error
    return Store(Catalog(catalog), root)


class Store:
    """Collections that share one catalog."""

    def __init__(self, catalog: Catalog, folder: Path) -> None:
        self.catalog = catalog
        self.folder = folder
        self._open: dict[str, Collection] = {}
        self._opening = threading.Lock()

    def create(
        self,
        name: str,
        encoder: str | Encoder = "mini",
        *,
        prompts: tuple[str, ...] = ("{}",),
        exist_ok: bool = False,
    ) -> Collection:
        """Create a collection whose vectors all come from one encoder.

        Args:
            name: Letters, digits, `_`, `.`, `-`.
            encoder: A name that `embedstore.encoders.load` takes, or an encoder.
            prompts: Templates for query texts, such as "a photo of {}"; several are averaged.
            exist_ok: Open the collection where there is one of the same space already.

        Raises:
            Conflict: The name is taken.
            SpaceMismatch: `exist_ok`, but the collection holds another space.
        """
        if any("{}" not in prompt for prompt in prompts) or not prompts:
            raise Invalid(
                f"prompts {list(prompts)!r}: each needs a {{}} where the query's words go"
            )
        ready = load_encoder(encoder) if isinstance(encoder, str) else encoder
        try:
            self.catalog.create(name, ready.space, {"prompts": list(prompts)})
        except Conflict:
            if not exist_ok:
                raise
        return self.collection(name, encoder=ready)

    def collection(self, name: str, *, encoder: Encoder | None = None) -> Collection:
        """Open a collection; its own encoder is loaded when first needed.

        The same object is given again until the name goes to another collection, as `re-embed`
        and `drop` let it in any process.

        Raises:
            NotFound: No such collection; the message lists those that exist.
            SpaceMismatch: The encoder given makes vectors of another space.
        """
        with self._opening:
            found = self._open.get(name)
            if found is None or found.info.id != self.catalog.holder(name):
                found = Collection(self.catalog, self.catalog.describe(name), self.folder)
                self._open[name] = found
        if encoder is not None:
            found.use(encoder)
        return found

    def collections(self) -> list[CollectionInfo]:
        """List the collections by name."""
        return self.catalog.collections()

    def index_field(self, field: str, *, drop: bool = False) -> str:
        """Let the database find items by a metadata field, for filters that allow few of many.

        Comparisons with a literal and `in` use it, alone or joined by `and`; answers are the same
        with and without. It serves every collection of the store.

        Args:
            field: As filters write it, such as `year`, `camera.model` or `meta["odd name"]`.
            drop: Drop its index instead.

        Returns:
            The field as `indexed_fields` of a collection's description lists it.

        Raises:
            BadFilter: The text is no field.
            NotFound: The index to drop is not there.
        """
        return self.catalog.drop_field_index(field) if drop else self.catalog.index_field(field)

    def drop(self, name: str) -> None:
        """Delete a collection, its rows and its index files."""
        collection = self.collection(name)
        collection.close()
        self.catalog.drop(name)
        sweep(self.catalog, self.folder)
        self._open.pop(name, None)  # another request may have dropped it as well

    def close(self) -> None:
        """Finish background work and close the catalog."""
        for collection in self._open.values():
            collection.close()
        self.catalog.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
