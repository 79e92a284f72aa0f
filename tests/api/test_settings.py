"""Settings come from flags, the environment and a file, in that order of strength."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from api.cli import main
from api.settings import SETTINGS, variable


def shown(*words: str, code: int = 0, **environment: str) -> dict:
    done = CliRunner().invoke(main, ["serve", *words, "--show-settings", "--json"], env=environment)
    assert done.exit_code == code, done.output
    return json.loads(done.stdout) if code == 0 else {"error": done.output}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text(
        'port = 1\nhost = "127.0.0.9"\nindex_folder = "from-file"\ngenerator = "head"\n'
    )
    return path


def test_flags_beat_the_environment_which_beats_the_file(file):
    told = shown("--config", str(file), "--port", "3", EMBEDSTORE_PORT="2", EMBEDSTORE_HOST="::1")
    assert told["port"] == {"value": 3, "from": "--port"}
    assert told["host"] == {"value": "::1", "from": "EMBEDSTORE_HOST"}
    assert told["index-folder"] == {"value": "from-file", "from": "file"}
    assert told["generator"] == {"value": ["head"], "from": "file"}
    assert told["store"] == {"value": "embedstore-data", "from": "default"}


def test_the_environment_may_name_the_file(file):
    assert shown(EMBEDSTORE_CONFIG=str(file))["port"] == {"value": 1, "from": "file"}


def test_secrets_are_not_shown():
    told = shown("--store", "postgresql://me:hidden@host/x", EMBEDSTORE_API_KEY="hidden")
    assert told["api-key"] == {"value": "(set)", "from": "EMBEDSTORE_API_KEY"}
    assert "hidden" not in json.dumps(told)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("prot = 1", "did you mean 'port'?"),
        ("[port]\nx = 1", "several values for 'port'"),
        ("port = ", "is not TOML"),
        ('port = "many"', "'many' is not a valid integer"),
        ("port = true", "holds true for 'port'; expected a text or a number"),
        ("max-seconds = true", "holds true for 'max-seconds'"),
        ('allowed_host = [["a"]]', "several values for 'allowed_host'"),
        ("origin = [false]", "holds false for 'origin'"),
        ("max-seconds = 1\nmax_seconds = 2", "holds 'max-seconds' twice"),
        ("endpoint-budget = 0", "0 is not in the range"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path, text, told):
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    assert told in " ".join(shown("--config", str(path), code=2)["error"].split())
    assert "cannot read" in shown("--config", str(path / "not"), code=2)["error"]


@pytest.mark.parametrize("name", ["allowed-host", "allowed_host"])
def test_several_values_are_a_list_or_one_text_however_the_name_is_spelt(tmp_path, name):
    path = tmp_path / "settings.toml"
    for text, values in (('["a", "b"]', ["a", "b"]), ('"a"', ["a"]), ("[]", [])):
        path.write_text(f"{name} = {text}\nfetch_urls = true\nport = 0\n")
        told = shown("--config", str(path))
        assert told["allowed-host"] == {"value": values, "from": "file"}
        assert told["fetch-urls"]["value"] is True
        assert told["port"]["value"] == 0


def test_other_commands_read_the_same_file(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text(f'store = "{tmp_path / "nowhere"}"\nport = 9\n')
    done = CliRunner().invoke(main, ["info", "--config", str(path)])
    assert "nowhere" in done.output


def test_serve_shows_every_setting_that_it_has():
    told = shown()
    assert set(told) == set(SETTINGS) - {"collection"}
    assert variable("index-folder") == "EMBEDSTORE_INDEX_FOLDER"
