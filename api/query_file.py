"""Query logs: text files of one query a line."""

from pathlib import Path


def lines_of(path: Path) -> list[str]:
    """Read the queries of a file.

    Raises:
        Invalid: It is no text in UTF-8.
    """
    from embedstore.errors import Invalid

    try:
        return path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(
            f"{path} cannot be read as text ({error}); expected one query a line in UTF-8"
        ) from error
