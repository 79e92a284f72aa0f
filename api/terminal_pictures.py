"""Pictures in terminals that can show them, by the protocols of kitty and of iTerm2."""

import base64
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from embedstore import Collection, Hit

Draw = Callable[["Collection", str], str]

SIDE = 160  # pixels
ROWS = 6  # of text that a picture is as high as
_CHUNK = 4096  # bytes of base64 that kitty takes in one escape sequence
_KITTY_TERMS = ("xterm-kitty", "xterm-ghostty")
_ITERM_PROGRAMS = ("iTerm.app", "WezTerm")


def drawing(wanted: str, term: str, program: str) -> Draw | None:
    """Choose how to draw.

    Args:
        wanted: `always`, `never`, or `auto` for terminals that are known to draw.
        term: What the terminal calls itself in TERM.
        program: And in TERM_PROGRAM.

    Returns:
        What gives an item's picture as an escape sequence; None if none is to be drawn.
    """
    if wanted == "never":
        return None
    if program in _ITERM_PROGRAMS:
        return _iterm
    return _kitty if wanted == "always" or term in _KITTY_TERMS else None


def print_drawn(collection: "Collection", hits: Sequence["Hit"], draw: Draw) -> None:
    """Print each hit below its picture; one whose picture is gone stands alone."""
    from embedstore.errors import EmbedStoreError

    for hit in hits:
        caption = hit.text or next(iter(hit.item.texts), "")
        try:
            click.echo(draw(collection, hit.item.key), color=True)
        except EmbedStoreError as error:
            click.echo(f"(no picture: {error})")
        click.echo(f"{hit.rank:3}  {hit.score:.3f}  {hit.item.key}  {caption}".rstrip())


def _kitty(collection: "Collection", key: str) -> str:
    """Draw as raw pixels: of files kitty takes PNG alone."""
    from embedstore.corpus.images import load
    from embedstore.types import ImagePreprocess

    pixels = load(collection.thumbnail(key, 2 * SIDE), ImagePreprocess(size=SIDE))
    data = base64.b64encode(zlib.compress(pixels.tobytes())).decode()
    head = f"a=T,f=24,o=z,s={SIDE},v={SIDE},r={ROWS},q=2,"
    return "".join(_chunks(head, data))


def _chunks(head: str, data: str) -> Iterator[str]:
    for at in range(0, len(data), _CHUNK):
        more = int(at + _CHUNK < len(data))
        yield f"\x1b_G{'' if at else head}m={more};{data[at : at + _CHUNK]}\x1b\\"


def _iterm(collection: "Collection", key: str) -> str:
    data = collection.thumbnail(key, SIDE)
    told = f"inline=1;size={len(data)};height={ROWS};preserveAspectRatio=1"
    return f"\x1b]1337;File={told}:{base64.b64encode(data).decode()}\a"
