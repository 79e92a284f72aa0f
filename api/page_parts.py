"""The page's files joined: a browser takes as long to fetch twenty small files as to draw the page.

Modules stay apart as they are in their files. Each becomes a function that gives what its module
exports, below those that it imports from. `import` and `export` are understood as the page writes
them: from "/name.js" in one line, and before a declaration.
"""

import re
from pathlib import Path

_IMPORT = re.compile(r'^import (?:\* as (\w+)|(\{[^}\n]*\})) from "/(\w+)\.js";$', re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?(?:function\*?|class|const) (\w+))", re.MULTILINE)


def script(folder: Path, first: str = "page") -> str:
    """Join a module with all that it imports.

    Raises:
        ValueError: Modules import each other in a circle.
    """
    made: dict[str, str] = {}

    def add(name: str, above: tuple[str, ...] = ()) -> None:
        if name in above:
            raise ValueError(f"modules import each other: {' -> '.join((*above, name))}")
        if name in made:
            return
        text = (folder / f"{name}.js").read_text(encoding="utf-8")
        for imported in _IMPORT.finditer(text):
            add(imported[3], (*above, name))
        made[name] = _function(name, text)

    add(first)
    return "\n".join(made.values())


def _function(name: str, text: str) -> str:
    given = ", ".join(exported[2] for exported in _EXPORT.finditer(text))
    body = _EXPORT.sub(r"\1", _IMPORT.sub(_taken, text))
    return f"const ${name} = (() => {{\n{body}return {{ {given} }};\n}})();\n"


def _taken(imported: re.Match[str]) -> str:
    names = imported[1] or imported[2].replace(" as ", ": ")
    return f"const {names} = ${imported[3]};"


def style(folder: Path, first: str = "page") -> str:
    """Join a style sheet with the others, which refine it."""
    others = sorted(each for each in folder.glob("*.css") if each.stem != first)
    parts = [folder / f"{first}.css", *others]
    return "\n".join(each.read_text(encoding="utf-8") for each in parts)
