"""Searches and their photos as one HTML file that opens anywhere, with nothing beside it."""

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from embedstore import Collection, Hit

SIDE = 256

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
  :root {{ color-scheme: light dark; font: 15px/1.4 system-ui, sans-serif; }}
  body {{ margin: 2rem auto; max-width: 90rem; padding: 0 1rem; }}
  h2 {{ font-size: 1.1rem; margin: 2rem 0 .5rem; }}
  section {{ display: flex; flex-wrap: wrap; gap: .75rem; }}
  figure {{ margin: 0; width: 16rem; }}
  img {{ width: 100%; height: 11rem; object-fit: cover; border-radius: .4rem; }}
  figcaption {{ font-size: .85rem; opacity: .8; }}
</style>
<h1>{title}</h1>
{sections}
</html>
"""


def write_contact_sheet(
    path: Path, collection: "Collection", answers: Sequence[tuple[str, Sequence["Hit"]]]
) -> None:
    """Write searches with their hits as one self-contained page.

    Args:
        path: The file to write.
        collection: Where the pictures come from.
        answers: Each query's text and its hits.
    """
    sections = "\n".join(_section(collection, text, hits) for text, hits in answers)
    title = f"embedstore: {escape(collection.name)}"
    path.write_text(_PAGE.format(title=title, sections=sections), encoding="utf-8")


def _section(collection: "Collection", text: str, hits: Sequence["Hit"]) -> str:
    figures = "\n".join(_figure(collection, hit) for hit in hits)
    return f"<h2>{escape(text)}</h2>\n<section>\n{figures}\n</section>"


def _figure(collection: "Collection", hit: "Hit") -> str:
    picture = base64.b64encode(collection.thumbnail(hit.item.key, SIDE)).decode()
    caption = escape(hit.text or next(iter(hit.item.texts), hit.item.key))
    return (
        f'<figure><img alt="{caption}" src="data:image/jpeg;base64,{picture}">'
        f"<figcaption>{hit.rank}. {caption} ({hit.score:.3f})</figcaption></figure>"
    )
