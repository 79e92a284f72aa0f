"""The sample gallery: 124 free photos with captions, so that a new store has something to find."""

from importlib.resources import files
from pathlib import Path

from embedstore.gallery.queries import DEMO_QUERIES, DemoQuery

__all__ = ["DEMO_QUERIES", "DemoQuery", "corpus"]


def corpus() -> Path:
    """Give the caption file of the gallery; its photos lie in the folder beside it.

    Returns:
        A .jsonl file whose keys are the photos' file names.
    """
    return Path(str(files(__name__) / "captions.jsonl"))
