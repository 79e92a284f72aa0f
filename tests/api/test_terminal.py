"""What a terminal and a shell get: pictures where they can be drawn, completion of names."""

import base64
import re
import shutil
import subprocess
import zlib

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner
from PIL import Image

from api.cli import main
from api.commands.completion import PROGRAM, VARIABLE
from api.terminal_pictures import ROWS, SIDE, drawing, print_drawn
from embedstore import Item


@pytest.fixture
def photos(store, tmp_path):
    Image.new("RGB", (320, 160), "red").save(tmp_path / "red.png")
    made = store.create("pictures", "toy")
    made.add([Item("red", tmp_path / "red.png", texts=("a red wall",))])
    return made


def test_kitty_gets_pixels_in_chunks(photos, capsys):
    print_drawn(photos, photos.search("red"), drawing("auto", "xterm-kitty", ""))
    told = capsys.readouterr().out
    chunks = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", told)
    assert chunks[0][0].startswith(f"a=T,f=24,o=z,s={SIDE},v={SIDE},r={ROWS}")
    assert [head[-3:] for head, _ in chunks] == ["m=1"] * (len(chunks) - 1) + ["m=0"]
    assert all(len(data) <= 4096 for _, data in chunks)
    pixels = zlib.decompress(base64.b64decode("".join(data for _, data in chunks)))
    assert len(pixels) == SIDE * SIDE * 3
    assert pixels[0] > 250
    assert pixels[1] < 5
    assert "red  a red wall" in told


def test_iterm_gets_a_file(photos, capsys):
    print_drawn(photos, photos.search("red"), drawing("auto", "xterm-256color", "iTerm.app"))
    (data,) = re.findall(r"\x1b\]1337;File=inline=1;[^:]*:([^\a]*)\a", capsys.readouterr().out)
    assert base64.b64decode(data).startswith(b"\xff\xd8")


def test_a_hit_whose_picture_is_gone_is_told(photos, tmp_path, capsys):
    (tmp_path / "red.png").unlink()
    print_drawn(photos, photos.search("red"), drawing("always", "dumb", ""))
    assert "(no picture: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("wanted", "term", "program", "drawn"),
    [
        ("auto", "xterm-256color", "Apple_Terminal", False),
        ("auto", "tmux-256color", "tmux", False),
        ("auto", "xterm-kitty", "", True),
        ("auto", "xterm-256color", "WezTerm", True),
        ("never", "xterm-kitty", "", False),
        ("always", "dumb", "", True),
    ],
)
def test_pictures_go_where_they_are_understood(wanted, term, program, drawn):
    assert (drawing(wanted, term, program) is not None) == drawn


def test_a_pipe_gets_no_picture(photos, store):
    asked = ["search", "red", "-c", "pictures", "--store", str(store.folder)]
    done = CliRunner().invoke(main, [*asked, "--thumbnails", "always"], env={"TERM": "xterm-kitty"})
    assert done.exit_code == 0
    assert "\x1b" not in done.output


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_script(shell, tmp_path):
    script = CliRunner().invoke(main, ["completion", shell]).stdout
    assert VARIABLE in script
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed; its script was printed but not parsed")
    (tmp_path / "script").write_text(script)
    subprocess.run([program, "-n", tmp_path / "script"], check=True, timeout=30)


def test_names_are_completed(store):
    def completed(*words: str) -> list[str]:
        shell = ShellComplete(main, {}, PROGRAM, VARIABLE)
        return [each.value for each in shell.get_completions(list(words[:-1]), words[-1])]

    store.create("wide", "toy")
    place = ["--store", str(store.folder)]
    assert completed("sear") == ["search"]
    assert "--thumbnails" in completed("search", "--thu")
    assert completed("search", "x", *place, "-c", "w") == ["wide", "words"]
    assert completed("re-embed", *place, "wo") == ["words"]
    assert completed("search", "x", "--store", "/no/such", "-c", "") == []
    assert completed("watch", "here", *place, "-c", "wid") == ["wide"]
