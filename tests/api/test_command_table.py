"""The table of commands: whole, true, and all that a list of commands loads."""

import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import api.commands
from api.cli import loaded, main
from api.commands import COMMANDS

FILES = sorted(each.stem for each in Path(api.commands.__file__).parent.glob("[!_]*.py"))


def loaded_by(*words: str) -> set[str]:
    """Give the modules that a whole command loads."""
    script = (
        "import sys\nfrom api.cli import main\n"
        "try: main()\nfinally: print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *words], capture_output=True, text=True, check=True
    )
    return set(done.stderr.split())


@pytest.mark.parametrize(
    ("words", "own"),
    [
        (["--help"], set()),
        (["search", "--help"], {"api.commands.search"}),
        (["keys", "list", "--help"], {"api.commands.keys"}),
    ],
)
def test_help_loads_one_command_at_most_and_nothing_heavy(words, own):
    modules = loaded_by(*words)
    assert "click" in modules
    heavy = {"torch", "faiss", "sqlalchemy", "fastapi", "PIL", "numpy", "rich"}
    of_others = {"tomllib", "socket", "logging", "html", "click.shell_completion"}
    assert not (heavy | of_others) & modules
    assert {each for each in modules if each.startswith("api.commands.")} == own
    assert words != ["--help"] or "api.settings" not in modules


@pytest.mark.parametrize("file", FILES)
def test_every_command_is_in_the_table_with_the_first_line_of_its_help(file):
    found = vars(import_module(f"api.commands.{file}")).values()
    inner = {
        id(each) for one in found if isinstance(one, click.Group) for each in one.commands.values()
    }
    for each in found:
        if isinstance(each, click.Command) and id(each) not in inner:
            assert COMMANDS[each.name] == (file, inspect.cleandoc(each.help).splitlines()[0])


def test_every_name_in_the_table_is_loaded_and_listed_as_it_would_list_itself():
    for name in COMMANDS:
        command = loaded(name)
        assert command.name == name
        assert main.commands[name].get_short_help_str(50) == command.get_short_help_str(50)
    assert set(main.commands) == set(COMMANDS)


def test_a_word_that_is_no_command_is_refused():
    done = CliRunner().invoke(main, ["serach"])
    assert done.exit_code == 2
    assert "No such command 'serach'" in done.output
