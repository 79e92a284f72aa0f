"""Files and JSON of a multipart request, made into items."""

from collections.abc import Sequence
from typing import TypeVar

from fastapi import UploadFile
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, TypeAdapter, ValidationError

from api.schemas import UploadedItem
from embedstore import Item
from embedstore.errors import BadItem

LONGEST_KEY = 1024
Model = TypeVar("Model", bound=BaseModel)
Read = TypeVar("Read")
_DESCRIBED = TypeAdapter(list[UploadedItem])


def json_part(model: type[Model], text: str, part: str) -> Model:
    """Read a part of a form that holds JSON.

    Args:
        model: What it is to be.
        text: That was sent.
        part: Its name, for what is said of errors.

    Raises:
        RequestValidationError: It is not such JSON; names the field.
    """
    return _checked(TypeAdapter(model), text, part)


def items_of(files: Sequence[UploadFile], described: str) -> list[Item]:
    """Give the items that files and their description make.

    Args:
        files: Pictures; one that is not described has its file name as its key.
        described: A JSON list, as `UploadedItem` has it.

    Raises:
        BadItem: A described file was not sent, is described twice, or a file has no name.
        RequestValidationError: The description is not such JSON.
    """
    told = {each.file: each for each in _checked(_DESCRIBED, described, "items")}
    sent: dict[str, UploadFile] = {}
    for file in files:
        name = file.filename or ""
        if not 0 < len(name) <= LONGEST_KEY or name in sent:
            raise BadItem(
                f"a file is called {name[:80]!r}; expected names of 1 to {LONGEST_KEY} letters, "
                "each of one file"
            )
        sent[name] = file
    for name in told.keys() - sent.keys():
        raise BadItem(f"items tell of the file {name[:80]!r}, which was not sent; send it too")
    return [_item(name, file, told.get(name)) for name, file in sent.items()]


def _item(name: str, file: UploadFile, told: UploadedItem | None) -> Item:
    known = told or UploadedItem(file=name)
    return Item(known.key or name, file.file.read(), tuple(known.texts), known.meta)


def _checked(adapter: TypeAdapter[Read], text: str, part: str) -> Read:
    try:
        return adapter.validate_json(text)
    except ValidationError as error:
        wrong = [{**each, "loc": ("body", part, *each["loc"])} for each in error.errors()]
        raise RequestValidationError(wrong) from error
