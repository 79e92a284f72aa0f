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


def from_its_file(route) -> None:
    """Give a module of its own, which the page's one file holds."""
    name = route.request.url.rpartition("/")[2]
    if name == "page.js":
        route.continue_()
    else:
        route.fulfill(path=WEB / name)


@pytest.fixture
def revoked(page, guarded):
    """The page with a key that the server does not know any longer; how often it asks for one."""
    page.route("**/*.js", from_its_file)
    page.goto(guarded)
    page.locator(".tile").first.wait_for()
    page.wait_for_load_state("networkidle")
    assert page.is_hidden("#key")
    page.evaluate("() => sessionStorage.setItem('key', 'revoked')")
    page.evaluate(
        "() => { window.asked = 0; document.getElementById('key')."
        "addEventListener('close', () => { asked++; }); }"
    )
    return page


def answered(page, key: str | None) -> int:
    """Ask five times at once, answer the question, and give how many were served."""
    page.evaluate(f"() => {{ window.five = ({FIVE_AT_ONCE})(); }}")
    page.locator("#key").wait_for()
    if key is None:
        page.click("#key >> text=Not now")
    else:
        page.fill("#key-text", key)
        page.press("#key-text", "Enter")
    return page.evaluate("() => five")


def test_a_key_that_was_revoked_is_asked_for_once(revoked):
    assert answered(revoked, "the key") == 5
    assert revoked.evaluate(f"() => ({FIVE_AT_ONCE})()") == 5
    assert revoked.evaluate("() => asked") == 1
    kept = "() => [sessionStorage, localStorage].map((each) => each.getItem('key'))"
    assert revoked.evaluate(kept) == ["the key", None]


def test_who_has_no_key_may_have_one_the_next_time(revoked):
    for _ in range(2):
        assert answered(revoked, None) == 0
    assert revoked.evaluate("() => asked") == 2


def test_a_wrong_key_is_said_to_be_wrong_and_a_right_one_can_be_remembered(browser, guarded):
    page = browser.new_page()
    page.set_default_timeout(60_000)
    page.goto(guarded)
    assert "wants an API key" in page.text_content("#key-words")
    page.fill("#key-text", "a wrong key")
    page.press("#key-text", "Enter")
    page.locator("#key-words", has_text="does not know that key").wait_for()
    page.keyboard.press("Escape")
    page.locator("#status", has_text="embedstore keys create").wait_for()
    page.click("#again")
    page.fill("#key-text", "the key")
    page.fill("#key-text", "the\N{ZERO WIDTH SPACE} key")
    page.check("#key-long")
    page.click("#key >> text=Use it")
    page.locator(".tile").first.wait_for()
    page.evaluate("() => sessionStorage.clear()")  # as in a new tab
    page.reload()
    page.locator(".tile").first.wait_for()
    assert page.is_hidden("#key")
    page.close()


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
