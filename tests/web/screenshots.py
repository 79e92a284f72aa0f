"""The README's pictures of the page, made anew: `python -m tests.web.screenshots`."""

import io
import tempfile
from pathlib import Path

from PIL import Image

import embedstore
from embedstore.gallery import corpus
from embedstore.indexing import index
from tests.web.conftest import browsing, serving

DOCS = Path(__file__).parents[2] / "docs"
SIZE = {"width": 1000, "height": 640}
COLOURS = 96  # of the palette: a picture in the documents shall stay under 200 kB


def main() -> None:
    """Index the sample gallery with `mini`, and take the results in light, an item in dark."""
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
                page.wait_for_load_state("networkidle")
                taken = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
                path = DOCS / f"page-{scheme}.png"
                taken.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()
