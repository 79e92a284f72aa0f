"""A real server on loopback, and the system's Chromium in front of it."""

import os
import re
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest
import uvicorn
from fastapi import FastAPI
from PIL import Image

import embedstore
from api.app import create_app
from embedstore import Item, Store
from embedstore.gallery import corpus
from embedstore.indexing import index

HOSTILE = '<img src=x onerror="document.title=1"><script>document.title=2</script>'
BOATS = ("a yacht leaves the harbour", "a small boat on the water", "a boat on the calm water")
TEXTS = {"sea": "a boat on the sea", "hill": "a house on a hill", "door": "a red door"}


def pictures(folder: Path) -> list[Item]:
    """Doors of three colours, and a question that people answered."""
    items = []
    for colour in ("red", "blue", "green"):
        for at in range(3):
            path = folder / f"{colour}{at}.png"
            Image.new("RGB", (64 + 32 * at, 64), colour).save(path)
            said = HOSTILE if (colour, at) == ("green", 0) else f"a {colour} door"
            meta = {"colour": colour, "year": 2000 + at, "tags": [colour, "door"], "old": at == 0}
            items.append(Item(f"{colour}/{at}.png", path, (said,), meta))
        items.append(Item(f"q{colour}", path, ("what colour is it",), {"answers": [colour]}))
    return items


def boats(folder: Path) -> Iterator[Item]:
    """Pictures that are alike and no duplicates, each with a caption of its own."""
    for at, said in enumerate(BOATS):
        picture = Image.new("RGB", (96, 96), "blue")
        picture.paste("white", (0, 0, 32 * at + 16, 96))
        picture.save(folder / f"boat{at}.png")
        yield Item(f"boat/{at}.png", folder / f"boat{at}.png", (said,))


@contextmanager
def serving(store: Store, app: FastAPI | None = None) -> Iterator[str]:
    """Serve a store from a thread; gives its address."""
    app = app or create_app(store)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        finally:
            server.should_exit = True
            thread.join()


def absent(reason: str) -> NoReturn:
    """Skip for a reason; in CI fail, where a page that nobody looked at must not pass."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def browsing() -> Iterator[object]:
    """Start the system's Chromium; skips where it, or Playwright, is absent, and fails in CI."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        absent("Chromium is not installed (Debian: apt install chromium)")
    try:
        from playwright import sync_api as playwright
    except ModuleNotFoundError:
        absent("needs `pip install playwright`")
    flags = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=program, args=flags)
        yield started
        started.close()


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("web")
    with embedstore.open(folder / "store") as store:
        store.create("doors", "toy").add(pictures(folder))
        store.create("yachts", "toy").add(boats(folder))
        store.create("empty", "toy")
        store.create("texts", "toy").add([Item(key, texts=(said,)) for key, said in TEXTS.items()])
        index(store.create("gallery", "toy"), corpus(), workers=0)
        many = ({"place": f"place {at}", "shade": "red", "rare": "late"} for at in range(600))
        store.create("many", "toy").add(
            Item(str(at), texts=("x",), meta=meta if at == 599 else {"place": meta["place"]})
            for at, meta in enumerate(many)
        )
        with serving(store) as url:
            yield url


# Not for the whole session: it keeps an event loop running, which other rooms' tests would meet
@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    with browsing() as started:
        yield started


@pytest.fixture
def open_page(browser, address):
    """Opens the page at a collection; a test fails where a script failed or another host is asked."""
    pages, faults = [], []

    def opened(collection: str = "doors", **options: object):
        page = browser.new_page(**options)
        pages.append(page)
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "request",
            lambda asked: (
                asked.url.startswith((address, "blob:", "data:")) or faults.append(asked.url)
            ),
        )
        page.goto(address)
        page.wait_for_selector("#collection option", state="attached")
        page.select_option("#collection", collection)
        page.locator("#status", has_text=re.compile("item|empty")).wait_for()
        return page

    yield opened
    for page in pages:
        page.close()
    assert not faults


@pytest.fixture
def doors(open_page):
    """The page at the collection of doors, with its items shown."""
    page = open_page("doors")
    page.wait_for_selector(".tile")
    return page
