"""The command line: what a person types, reads and pipes."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner
from fastapi.testclient import TestClient
from PIL import Image

import embedstore
from api.app import create_app
from api.cli import EXIT_CODES, INTERRUPTED, exit_code, main
from api.exit_codes import MEANINGS
from embedstore import errors


@pytest.fixture
def album(tmp_path):
    folder = tmp_path / "album"
    folder.mkdir()
    for colour in ("red", "blue", "green"):
        Image.new("RGB", (64, 64), colour).save(folder / f"{colour}.jpg")
    return folder


@pytest.fixture
def run(tmp_path):
    def call(*words: str, code: int = 0) -> str:
        done = CliRunner().invoke(
            main, list(words), env={"EMBEDSTORE_STORE": str(tmp_path / "store")}
        )
        assert done.exit_code == code, done.output
        return done.output

    return call


def test_index_search_get_delete(run, album):
    assert "3 added, 0 unchanged, 0 replaced, 0 removed, 0 failed" in run(
        "index", str(album), "--encoder", "toy", "--workers", "0"
    )
    assert "0 added, 3 unchanged" in run("index", str(album), "--workers", "0")
    assert "album/blue.jpg" in run("search", "blue", "-k", "1")
    hits = json.loads(run("search", "blue", "--json"))
    assert [hit["rank"] for hit in hits] == [1, 2, 3]
    assert hits[0]["image"] == str(album / "blue.jpg")
    by_picture = json.loads(run("search", "--image", str(album / "red.jpg"), "-k", "1", "--json"))
    assert by_picture[0]["key"] == "album/red.jpg"
    assert len(json.loads(run("search", "--like", "album/red.jpg", "--json"))) == 2
    assert json.loads(run("get", "album/red.jpg", "--json"))["key"] == "album/red.jpg"
    assert "deleted 1" in run("delete", "album/red.jpg")
    run("compact")
    run("rebuild")
    assert json.loads(run("info", "--json"))[0]["items"] == 2
    assert "photos" in run("info")
    assert "toy" in run("info", "-c", "photos")


@pytest.mark.parametrize(
    ("words", "kind", "told"),
    [
        (["search", "x"], "NotFound", "no store"),
        (["index", "/no/such/folder", "--encoder", "toy"], "NotFound", "/no/such/folder"),
        (["index", "empty", "--encoder", "toy"], "Invalid", "nothing to index"),
        (["index", "empty", "--encoder", "nope"], "NotFound", "mini"),
    ],
)
def test_an_expected_error_is_one_line(run, tmp_path, words, kind, told):
    (tmp_path / "empty").mkdir()
    spoken = [str(tmp_path / "empty") if word == "empty" else word for word in words]
    output = run(*spoken, code=EXIT_CODES[kind])
    assert told in output
    assert "Traceback" not in output
    assert len([line for line in output.splitlines() if line.startswith("error: ")]) == 1


def test_hits_have_a_caption_column_where_one_has_a_caption(run, album, tmp_path):
    run("index", str(album), "--encoder", "toy", "--workers", "0")
    assert "caption" not in run("search", "blue")
    line = {"image": str(album / "red.jpg"), "caption": "a red square"}
    (tmp_path / "notes.jsonl").write_text(json.dumps(line))
    run("index", str(tmp_path / "notes.jsonl"), "--workers", "0")
    assert "a red square" in run("search", "red", "--target", "text")
    hits = json.loads(run("search", "red", "--target", "text", "--json"))
    assert hits[0]["text"].startswith("a red square")


def test_demo_tells_programs_what_its_table_shows(run, tmp_path):
    told = json.loads(run("demo", "--out", str(tmp_path / "demo"), "--encoder", "toy", "--json"))
    assert told["indexed"]["added"] > 100
    assert {"query", "key", "score", "first_fit", "caption"} == set(told["queries"][0])
    assert "<h2>" in Path(told["contact_sheet"]).read_text(encoding="utf-8")


def test_serve_tells_programs_where_it_listens(store):
    command = [sys.executable, "-m", "api.cli", "serve", "--json", "--port", "0"]
    with subprocess.Popen(
        [*command, "--store", str(store.folder)], stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            told = json.loads(server.stdout.readline())
            for attempt in range(100):
                try:
                    with urllib.request.urlopen(told["api"] + "/health", timeout=10) as answer:
                        assert json.load(answer) == {"status": "ok"}
                        break
                except urllib.error.URLError:
                    assert attempt < 99
                    time.sleep(0.1)
        finally:
            server.terminate()


def test_a_store_in_postgresql(run, album, tmp_path, postgresql_url):
    url = postgresql_url.replace("postgresql://", "postgresql+psycopg://")
    store = ("--store", url, "--index-folder", str(tmp_path / "indices"))
    run("index", str(album), "--encoder", "toy", "--workers", "0", "-c", "in-pg", *store)
    hits = json.loads(run("search", "blue", "-k", "1", "--json", "-c", "in-pg", *store))
    assert [hit["key"] for hit in hits] == ["album/blue.jpg"]
    assert json.loads(run("info", "-c", "in-pg", "--json", *store))["items"] == 3
    found = {each["name"]: each for each in json.loads(run("doctor", "--json", *store))}
    assert found["database"]["detail"] == "postgresql, sound"
    assert "--index-folder" in run("info", "--store", url, code=EXIT_CODES["Invalid"])


def test_a_port_that_is_taken_is_told(run, store):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        output = run(
            "serve", "--store", str(store.folder), "--port", port, code=EXIT_CODES["Unavailable"]
        )
    assert "choose another with --port" in output


def test_doctor_says_what_is_used_and_why(run, album):
    assert "no store" in run("doctor")
    run("index", str(album), "--encoder", "toy", "--workers", "0")
    found = {each["name"]: each for each in json.loads(run("doctor", "--json"))}
    assert found["index device"]["detail"]
    assert found["database"]["state"] == "ok"
    assert "3 items" in found["collection photos"]["detail"]


def test_a_public_address_needs_a_key(run):
    assert "EMBEDSTORE_API_KEY" in run("serve", "--host", "0.0.0.0", code=2)


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1"])
def test_a_key_that_can_be_guessed_is_no_key(run, host):
    told = run("serve", "--host", host, "--api-key", "guess-me-if-you", code=2)
    assert "the API key has 15 characters, which can be guessed; expected 16 at least" in told
    assert "openssl rand -hex 32" in told
    assert "guess-me-if-you" not in told


def test_a_picture_that_is_not_there_is_not_there(run, album):
    run("index", str(album), "--encoder", "toy", "--workers", "0")
    told = run("search", "--image", "nowhere.jpg", code=EXIT_CODES["NotFound"])
    assert "nowhere.jpg" in told


def test_a_port_in_use_is_told_in_one_line(run, album):
    run("index", str(album), "--encoder", "toy", "--workers", "0")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        told = run("serve", "--port", port, code=EXIT_CODES["Unavailable"])
    assert told.strip().splitlines()[-1] == (
        f"error: cannot listen on 127.0.0.1, port {port} (Address already in use); "
        "choose another with --port"
    )


def test_every_error_has_an_exit_code():
    for name, code in EXIT_CODES.items():
        assert exit_code(getattr(errors, name)("x")) == code
    assert exit_code(errors.BadFilter("x")) == EXIT_CODES["Invalid"]
    branches = {kind.__name__ for kind in errors.EmbedStoreError.__subclasses__()}
    assert branches == set(EXIT_CODES)
    told = CliRunner().invoke(main, ["--help"]).output
    for code, meaning in MEANINGS.items():
        assert f"{code:3}  {meaning}\n" in told
    assert set(EXIT_CODES.values()) < set(MEANINGS)


@pytest.mark.parametrize("command", sorted(main.commands))
def test_every_command_has_help_with_an_example(command):
    output = CliRunner().invoke(main, [command, "--help"]).output
    assert "Example:" in output
    assert f"embedstore {command}" in output


def test_ctrl_c_says_how_to_go_on(run, album, monkeypatch):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("embedstore.indexing.decode_all", interrupted)
    assert "the same command goes on" in run(
        "index", str(album), "--encoder", "toy", "--workers", "0", code=INTERRUPTED
    )


def test_a_delete_that_finds_nothing_fails(run, album):
    run("index", str(album), "--encoder", "toy", "--workers", "0")
    told = run("delete", "nothing", code=EXIT_CODES["NotFound"])
    assert "error: nothing deleted; not in collection 'photos': nothing; expected keys" in told


def test_no_page_of_the_server_needs_another_host(store):
    with TestClient(create_app(store)) as client:
        assert client.get("/docs").status_code == 404
        assert "/v1/collections/{name}/search" in client.get("/openapi.json").json()["paths"]


def test_an_empty_collection_says_what_to_type(run, tmp_path):
    with embedstore.open(tmp_path / "store") as made:
        made.create("photos", "toy")
    assert "is empty; fill it with `embedstore index PATH" in run("search", "blue")
    assert json.loads(run("search", "blue", "--json")) == []
    assert "no two of 0 pictures are nearly the same" in run("duplicates", "--workers", "0")
    assert "is empty, there is nothing to tune" in run("tune", code=EXIT_CODES["Invalid"])


@pytest.mark.parametrize(("own", "expected"), [(None, "passive"), ("active", "active")])
def test_waiting_threads_do_not_spin_unless_they_are_told_to(
    run, album, monkeypatch, own, expected
):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    if own is not None:
        monkeypatch.setenv("OMP_WAIT_POLICY", own)
    run("index", str(album), "--encoder", "toy", "--workers", "0")
    assert os.environ["OMP_WAIT_POLICY"] == expected
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")  # so that it is taken back
