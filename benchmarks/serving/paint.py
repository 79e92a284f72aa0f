"""How soon the page is there, and its first thumbnails, in a real Chromium."""

import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from PIL import Image

import embedstore
from benchmarks.serving.made import BATCH, NAME
from benchmarks.serving.options import written
from benchmarks.serving.server import Server, served
from benchmarks.serving.tab import Tab
from benchmarks.store import made_vectors
from embedstore import Item
from embedstore.gallery import corpus

THUMBNAILS = 60
WINDOW = {"width": 1280, "height": 1800}
ALL_SHOWN = f"""new Promise((go) => {{
  const look = () => {{
    const images = [...document.querySelectorAll(".tile img")].slice(0, {THUMBNAILS});
    const shown = images.length === {THUMBNAILS} && images.every((each) => each.naturalWidth);
    if (shown) go(performance.now()); else requestAnimationFrame(look);
  }};
  look();
}})"""
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
# What the page asks for once its pictures are there is not the next visit's
SETTLED = 2  # seconds


@click.command()
@click.option("--items", default=100_000, show_default=True, help="Of the collection.")
@click.option("--megapixels", default=2.0, show_default=True, help="Of each photo.")
@click.option("--rounds", default=5, show_default=True, help="Visits of each kind.")
@click.option("--seed", default=7, show_default=True)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path),
              help="Folder for the page and its results, in place of benchmarks.")  # fmt: skip
def command(items: int, megapixels: float, rounds: int, seed: int, out: Path | None) -> None:
    """Measure first paint and 60 thumbnails: made while indexing, not made, made before.

    Example: python -m benchmarks serving paint --megapixels 12
    """
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        place = Path(folder) / "store"
        filled(place, photos(Path(folder), megapixels), items, seed)
        (kept,) = place.glob("index/*/thumbnails")
        early = Path(folder) / "made while indexing"
        shutil.copytree(kept, early)
        indexed, first, later = [], [], []
        for _ in range(rounds):
            with served(place) as server:
                indexed.append(visit(browser, address(server), server))
            shutil.rmtree(kept)
            with served(place) as server:
                first.append(visit(browser, address(server), server))
                later.append(visit(browser, address(server), server))
            shutil.rmtree(kept)
            shutil.copytree(early, kept)
    table = [
        row("thumbnails made while indexing, server just started", indexed),
        row("thumbnails not made yet, server just started", first),
        row("thumbnails made before", later),
    ]
    notes = [
        f"Medians and worst of {rounds} visits in headless Chromium on the same cores, nothing in "
        f"the browser's cache, from the beginning of the navigation; {THUMBNAILS} of photos of "
        f"{megapixels:g} megapixels are shown, and decoded where they are not made yet, as the "
        "page shows its first items. No tool listens to the page's requests. Asked: each under "
        "1 s.",
    ]
    title = f"Service, the page: {items:,} items"
    written("paint", {"title": title, "table": table, "notes": notes}, seed, out)


def address(server: Server) -> str:
    """Give the address of the page."""
    return "http://{}:{}/".format(*server.address)


def row(kind: str, visits: list[tuple[float, float, float]]) -> dict[str, Any]:
    """Give a row of the table."""
    paints, thumbnails, cpu = zip(*visits, strict=True)
    return {
        "visit": kind,
        "first paint ms": statistics.median(paints),
        "worst": max(paints),
        f"{THUMBNAILS} thumbnails ms": statistics.median(thumbnails),
        "worst of them": max(thumbnails),
        "server CPU ms": statistics.median(cpu),
    }


def visit(browser: Any, page: str, server: Server) -> tuple[float, float, float]:
    """Open the page as one who was never there.

    Returns:
        Milliseconds to first paint, to all thumbnails, and of the server's processor time.
    """
    before = server.cpu_seconds()
    tab = Tab(browser, **WINDOW)
    tab.visit(page)
    shown = float(tab.value(ALL_SHOWN))
    taken = server.cpu_seconds() - before
    painted = float(tab.value(PAINTED))
    time.sleep(SETTLED)
    tab.close()
    return painted, shown, 1e3 * taken


def photos(folder: Path, megapixels: float) -> list[Path]:
    """Write the sample photos in another size."""
    made = []
    for photo in sorted((corpus().parent / "photos").glob("*.jpg")):
        with Image.open(photo) as image:
            grow = (megapixels * 1e6 / (image.width * image.height)) ** 0.5
            size = (round(image.width * grow), round(image.height * grow))
            path = folder / f"{len(made)}.jpg"
            image.convert("RGB").resize(size).save(path, "JPEG", quality=90)
            made.append(path)
    return made


def filled(place: Path, pictures: list[Path], items: int, seed: int) -> None:
    """Make a store of many items with few photos; each item has a thumbnail of its own.

    Those that the page shows first are indexed, the others come with vectors.
    """
    with embedstore.open(place) as store:
        made = store.create(NAME, "mini")
        vectors = made_vectors(items, made.info.space.dim, seed)
        for begin in range(0, items, BATCH):
            rows = range(begin, min(items, begin + BATCH))
            new = [
                Item(f"{n}.jpg", pictures[n % len(pictures)], (f"photo {n}",), {"year": n % 30})
                for n in rows
            ]
            shown = max(0, THUMBNAILS - begin)
            made.add(new[:shown])
            made.add_vectors(new[shown:], image=vectors[begin + shown : rows.stop])
        made.rebuild()


@contextmanager
def chromium() -> Iterator[Any]:
    """Start the system's Chromium, without a window."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        raise click.ClickException("Chromium is not installed; on Debian: apt install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        flags = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        yield driver.chromium.launch(executable_path=program, args=flags)
