"""The README's pictures of the page, made anew: `python -m tests.web.screenshots`."""

import io
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

import embedstore
from embedstore.gallery import corpus
from embedstore.indexing import index
from tests.web.conftest import browsing, serving

DOCS = Path(__file__).parents[2] / "docs"
SIZE = {"width": 1000, "height": 640}
COLOURS = 96  # of the palette: a picture in the documents shall stay under 200 kB


def main(out: Path = DOCS) -> None:
    """Index the sample gallery with `mini`; take results and map in light, an item in dark.

    Args:
        out: Folder for the pictures.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        embedstore.open(Path(folder) / "store") as store,
    ):
        index(store.create("gallery", "mini"), corpus())
        with serving(store) as address, browsing() as browser:
            for scheme in ("light", "dark"):
                page = browser.new_page(viewport=SIZE, color_scheme=scheme)
                page.set_default_timeout(60_000)
                page.goto(address)
                page.locator(".tile").first.wait_for()
                page.fill("#text", "snow on a mountain")
                page.press("#text", "Enter")
                page.locator("#status", has_text="best first").wait_for()
                if scheme == "dark":
                    page.locator(".tile").first.click()
                    page.locator("#describe").click()
                    page.locator(".cited").first.wait_for()
                take(page, out / f"page-{scheme}.png")
                if scheme == "light":
                    page.click("#views >> text=Map")
                    page.locator("#map-groups button").last.wait_for()
                    take(page, out / "page-map.png")


def take(page: Any, path: Path) -> None:
    """Write what a page shows."""
    page.wait_for_load_state("networkidle")
    taken = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    taken.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()
