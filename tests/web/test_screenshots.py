"""The README's pictures can be made anew; and a browser that is missing is no silent pass in CI."""

import shutil

import pytest
from PIL import Image

from tests.web import screenshots
from tests.web.conftest import browsing


def test_the_pictures_of_the_documents_are_made_and_show_something(tmp_path):
    screenshots.main(tmp_path)
    made = {path.name: Image.open(path).convert("RGB") for path in tmp_path.iterdir()}
    assert set(made) == {path.name for path in screenshots.DOCS.glob("page-*.png")}
    for name, picture in made.items():
        assert picture.size == tuple(screenshots.SIZE.values())
        counts = [count for count, _ in picture.getcolors(picture.width * picture.height)]
        assert len(counts) > 20, name
        assert max(counts) < 0.9 * sum(counts), name


@pytest.mark.parametrize(
    ("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)]
)
def test_a_missing_browser_skips_at_hand_and_fails_in_ci(monkeypatch, ci, outcome):
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(shutil, "which", lambda program: None)
    with pytest.raises(outcome, match="Chromium is not installed"), browsing():
        pass
