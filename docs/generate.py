"""Write the references from the code: `python -m docs.generate`."""

from collections.abc import Iterator
from pathlib import Path

from docs.of_commands import commands_reference
from docs.of_http import http_reference

FOLDER = Path(__file__).parent


def references() -> Iterator[tuple[Path, str]]:
    """Give each generated document and what belongs into it."""
    yield FOLDER / "reference-cli.md", commands_reference()
    yield FOLDER / "reference-http.md", http_reference()


if __name__ == "__main__":
    for path, text in references():
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path.relative_to(FOLDER.parent)}")
