"""The page before a server that wants a key."""

import pytest

import embedstore
from api.app import create_app
from api.page_files import WEB
from embedstore.gallery import corpus
from embedstore.indexing import index
from tests.web.conftest import serving

FIVE_AT_ONCE = """async () => {
  const { call } = await import("/server.js");
  const asked = await Promise.allSettled(Array.from({ length: 5 }, () => call("/v1/collections")));
  return asked.filter((each) => each.status === "fulfilled").length;
}"""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("guarded")
    with embedstore.open(folder / "store") as store:
        index(store.create("gallery", "toy"), corpus(), workers=0)
        with serving(store, create_app(store, api_key="the key")) as url:
            yield url


@pytest.fixture
def page(browser, guarded):
    opened = browser.new_page(viewport={"width": 1000, "height": 400})
    opened.set_default_timeout(60_000)
    opened.add_init_script(
        "sessionStorage.getItem('key') ?? sessionStorage.setItem('key', 'the key')"
    )
    yield opened
    opened.close()


@pytest.mark.parametrize(("given", "passed"), [("the key", 5), (None, 0)])
def test_a_key_that_was_revoked_is_asked_for_once(page, guarded, given, passed):
    questions = []

    def answer(dialog) -> None:
        questions.append(dialog.message)
        dialog.accept(given) if given else dialog.dismiss()

    page.on("dialog", answer)
    page.route("**/server.js", lambda route: route.fulfill(path=WEB / "server.js"))
    page.goto(guarded)
    page.locator(".tile").first.wait_for()
    assert questions == []
    page.evaluate("() => sessionStorage.setItem('key', 'revoked')")
    assert page.evaluate(FIVE_AT_ONCE) == passed
    assert len(questions) == 1
    assert page.evaluate(FIVE_AT_ONCE) == passed
    assert len(questions) == (1 if given else 2)  # who said nothing may say it the next time


def test_pictures_are_fetched_when_they_come_near(page, guarded):
    asked = []
    page.on("request", lambda sent: asked.append(sent.url) if "/thumbnails/" in sent.url else None)
    page.goto(guarded)
    page.wait_for_function("() => document.querySelector('.tile img')?.naturalWidth")
    page.wait_for_load_state("networkidle")
    tiles = page.locator(".tile img").count()
    near = len(asked)
    assert 0 < near < tiles
    page.locator(".tile img").nth(tiles - 1).scroll_into_view_if_needed()
    page.wait_for_function(
        "(at) => document.querySelectorAll('.tile img')[at].naturalWidth", arg=tiles - 1
    )
    assert len(asked) > near
    assert len(asked) == len(set(asked))
