"""The container files, which no test can build: what they name is there and fits together."""

import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

from api.health import router
from api.settings import SETTINGS, variable

yaml = pytest.importorskip("yaml", reason="PyYAML comes with the tools for tests")

ROOT = Path(__file__).parents[2]
RECIPE = (ROOT / "Containerfile").read_text()
SERVICES = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]


def copied() -> list[str]:
    lines = re.findall(r"^COPY (.+)$", RECIPE, re.MULTILINE)
    return [name for line in lines for name in line.split()[:-1]]


@pytest.mark.parametrize("name", copied())
def test_what_is_copied_is_there_and_is_let_in(name: str) -> None:
    assert (ROOT / name).exists()
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    assert f"!{name}" in rules


def test_nothing_else_is_sent_to_whoever_builds() -> None:
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    let_in = {rule[1:] for rule in rules if rule.startswith("!")}
    assert "*" in rules
    assert let_in == set(copied())


def test_every_variable_is_a_setting() -> None:
    named = set(re.findall(r"EMBEDSTORE_[A-Z_]+", RECIPE)) | set(
        SERVICES["embedstore"]["environment"]
    )
    assert named <= {variable(name) for name in SETTINGS}


def test_what_was_tested_is_what_is_installed() -> None:
    assert re.search(r"^RUN pip install .*--constraint constraints.txt", RECIPE, re.MULTILINE)


def test_it_runs_as_a_user_whose_data_outlive_it() -> None:
    volume = re.findall(r"^VOLUME (\S+)$", RECIPE, re.MULTILINE)
    assert re.findall(r"^USER (\S+)$", RECIPE, re.MULTILINE) == ["embedstore"]
    assert f"EMBEDSTORE_STORE={volume[0]}" in RECIPE
    assert f"indices:{volume[0]}" in SERVICES["embedstore"]["volumes"]
    assert SERVICES["embedstore"]["environment"]["EMBEDSTORE_INDEX_FOLDER"] == volume[0]


def test_health_is_asked_where_it_is_told() -> None:
    asked = re.findall(r"127\.0\.0\.1:8000(/[a-z/]+)", RECIPE + str(SERVICES["embedstore"]))
    assert asked
    assert set(asked) <= {route.path for route in router.routes}


def test_compose_publishes_on_loopback_and_with_a_key() -> None:
    service = SERVICES["embedstore"]
    assert all(fnmatch(port, "127.0.0.1:*:8000") for port in service["ports"])
    assert ":?" in service["environment"]["EMBEDSTORE_API_KEY"]
    assert "ports" not in SERVICES["postgres"]
