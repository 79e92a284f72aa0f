"""The documents against the code: references up to date, every command line understood, the tutorial run."""

import base64
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from fastapi.testclient import TestClient

import embedstore.gallery
from api.app import create_app
from api.cli import main
from api.keys import KEYS_FILE
from docs.examples import EXAMPLES
from embedstore import encoders, store

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TUTORIAL = ROOT / "docs" / "tutorial.md"
UNTIL_STOPPED_OR_LONG = {"train", "re-embed", "watch", "serve"}
CAPTION = (
    '{"image": "Pictures/sea/wave.jpg", "caption": "a wave breaks on the beach", "year": 2021}'
)


def command_lines(document: Path) -> Iterator[list[str]]:
    """Give the words after `embedstore` of each line that a reader may type."""
    text = document.read_text("utf-8")
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    for line in re.findall(r"^ {4}embedstore ((?:.*\\\n)*.*)", text, re.MULTILINE):
        line = re.sub(r"\s#.*", "", line.replace("\\\n", " "))
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|;<>&")
        lexer.whitespace_split, lexer.commenters = True, ""
        words: list[str] = []
        for word in lexer:
            if set(word) <= set("|;<>&)"):
                break
            words.append(word)
        yield words


LINES = [(path, words) for path in DOCUMENTS for words in command_lines(path)]


def understood(command: click.Command, name: str, words: list[str]) -> None:
    """Parse words as a command does; raises where one is wrong."""
    with command.make_context(name, list(words)) as context:
        if isinstance(command, click.Group):
            given = [*context._protected_args, *context.args]
            name, found, rest = command.resolve_command(context, given)
            understood(found, name, rest)


@pytest.mark.parametrize(
    ("path", "words"), LINES, ids=[f"{path.stem}-{' '.join(words)}" for path, words in LINES]
)
def test_every_command_line_is_understood(path, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for word in words:
        if word.endswith(".txt"):  # query logs and names must be there
            (tmp_path / word).write_text("a dog\n")
    if "[OPTIONS]" in words:
        assert path.name == "reference-cli.md"  # a usage line
        return
    understood(main, "embedstore", words)


def test_the_documents_hold_many_lines():
    assert len(LINES) > 100
    assert {path.name for path, _ in LINES} > {"README.md", "tutorial.md", "reference-cli.md"}


def test_every_link_in_the_docs_leads_somewhere():
    for document in (ROOT / "docs").rglob("*.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text("utf-8")):
            place = " ".join(target.split())
            assert (document.parent / place).exists(), f"{document.name}: {target}"


@pytest.mark.parametrize("name", ["postgresql.md", "serve.md"])
def test_the_file_of_the_keys_is_told_apart_from_what_can_be_deleted(name):
    text = (ROOT / "docs" / "how-to" / name).read_text()
    assert KEYS_FILE in text
    assert "keys for each machine" in text or "each machine's own" in text


def test_the_references_are_up_to_date():
    from docs.generate import references

    for path, text in references():
        assert path.read_text("utf-8") == text, f"{path.name} is old; run `python -m docs.generate`"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home with photos, where the encoder is light."""
    gallery = Path(embedstore.gallery.__file__).parent / "photos"
    (tmp_path / "Pictures" / "sea").mkdir(parents=True)
    for name in ("beach0", "hills0", "snow0", "cat"):
        (tmp_path / "Pictures" / f"{name}.jpg").write_bytes((gallery / f"{name}.jpg").read_bytes())
    (tmp_path / "Pictures/sea/wave.jpg").write_bytes((gallery / "sea0.jpg").read_bytes())
    (tmp_path / "captions.jsonl").write_text(CAPTION)
    real = encoders.load
    monkeypatch.setattr(store, "load_encoder", lambda _, *more: real("toy", *more))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_tutorial_works_as_it_is_written(home):
    assert CAPTION in TUTORIAL.read_text("utf-8")
    done = set()
    for words in command_lines(TUTORIAL):
        if words[0] not in UNTIL_STOPPED_OR_LONG:
            asked = [word.replace("~", str(home)) for word in words]
            asked += ["--workers", "0"] if words[0] in ("index", "duplicates") else []
            told = CliRunner().invoke(main, asked)
            assert told.exit_code == 0, f"{words}: {told.output}"
            assert told.output.strip()
            assert "no hits" not in told.output
            done.add(words[0])
    assert done == {"index", "search", "info", "get", "duplicates", "clusters", "caption", "ask"}


def sent(client, words: list[str], folder: Path):
    """Send what a line of curl sends."""
    place, body, files, form = words[2], None, [], {}
    for flag, value in zip(words[3::2], words[4::2], strict=True):
        name, _, told = value.partition("=")
        if flag == "-d":
            body = json.loads(value)
        elif flag == "-F" and told.startswith("@"):
            files.append((name, (told[1:], (folder / told[1:]).read_bytes())))
        elif flag == "-F":
            form[name] = told
        else:
            assert (flag, value) == ("-H", "content-type: application/json")
    path = place.removeprefix("localhost:8000")
    return client.post(path, json=body, files=files or None, data=form or None)


def test_every_example_of_the_reference_works(tmp_path):
    gallery = Path(embedstore.gallery.__file__).parent / "photos"
    picture = (gallery / "cat.jpg").read_bytes()
    for name in ("door.jpg", "wall.jpg"):
        (tmp_path / name).write_bytes(picture)
    with embedstore.open(tmp_path / "store") as opened:
        opened.create("photos", "toy")
        with TestClient(create_app(opened)) as client:
            for (_, path), example in EXAMPLES.items():
                whole = example.replace("PICTURE", base64.b64encode(picture).decode())
                answer = sent(client, shlex.split(whole.replace("\\\n", " ")), tmp_path)
                assert answer.is_success, (path, answer.text)
                assert '"failed":[{' not in answer.text, (path, answer.text)
        assert opened.collection("photos").get("lisbon/door").texts == ("a red door",)


def test_every_address_shown_is_a_route(tmp_path):
    with embedstore.open(tmp_path) as opened:
        paths = create_app(opened).openapi()["paths"]
    routes = [re.compile(re.sub(r"\{\w+\}", "[^/]+", path)) for path in paths]
    shown = [
        (document.name, place)
        for document in DOCUMENTS
        for place in re.findall(r"localhost:8000(/v1/[^\s'\"?`]*)", document.read_text("utf-8"))
    ]
    assert shown
    for name, place in shown:
        assert any(route.fullmatch(place) for route in routes), f"{name}: {place}"
