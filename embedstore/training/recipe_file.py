"""Recipes from JSON, as a run wrote it, and with single values changed."""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from embedstore.errors import Invalid, NotFound
from embedstore.training.augment import Augment
from embedstore.training.objective import Objective
from embedstore.training.recipe import Rates, Recipe

_PARTS: dict[str, Any] = {"objective": Objective, "rates": Rates, "augment": Augment}


def read_recipe(path: Path) -> Recipe:
    """Read a recipe, such as the `recipe.json` of another run.

    Raises:
        NotFound: No such file.
        Invalid: It is no recipe; the first thing wrong with it is named.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise NotFound(
            f"no recipe at {path} ({error.strerror}); name the recipe.json of a run"
        ) from error
    except ValueError as error:
        raise Invalid(f"{path}: is not JSON ({error}); name the recipe.json of a run") from error
    if not isinstance(values, dict):
        raise Invalid(
            f"{path}: is a {type(values).__name__}; expected an object, as a run wrote it"
        )
    try:
        return changed(Recipe(), values)
    except TypeError as error:
        raise Invalid(
            f"{path}: a value has the wrong type, or one is missing ({error}); expected what a run "
            "writes; compare it with the recipe.json of a run"
        ) from error


def changed(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """Give a recipe with some values changed.

    Args:
        recipe: To start from.
        values: By name; those of a part as an object, or as `objective.loss`.

    Raises:
        Invalid: A name that a recipe does not have, or a value outside its range.
    """
    made: dict[str, Any] = {}
    for name, value in values.items():
        part, _, own = name.partition(".")
        _check(Recipe, part)
        if own:
            _check(_PARTS.get(part, Recipe), own)
            made[part] = replace(made.get(part) or getattr(recipe, part), **{own: value})
        elif part in _PARTS and isinstance(value, Mapping):
            for each in value:
                _check(_PARTS[part], each)
            made[part] = _PARTS[part](**value)
        elif part in _PARTS and (part, value) != ("rates", None):
            raise Invalid(f"recipe: {part} is {value!r}; expected an object with values by name")
        else:
            made[part] = tuple(value) if isinstance(value, list) else value
    return replace(recipe, **made)


def _check(kind: Any, name: str) -> None:
    known = [field.name for field in fields(kind)] if is_dataclass(kind) else []
    if name not in known:
        raise Invalid(f"recipe: {name} is unknown; expected one of {', '.join(known)}")
