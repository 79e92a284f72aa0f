"""What a path means as the name of an encoder."""

import json
import shutil
import sys
from types import SimpleNamespace

import pytest

from embedstore import encoders
from embedstore.encoders.folder import find, is_path
from embedstore.errors import NotFound


@pytest.mark.parametrize(
    ("name", "path"),
    [
        *((sign, True) for sign in ("./run", "../run", "~/run", "runs/a", "/runs/a", ".")),
        *((name, False) for name in ("mine", "", "openclip")),
    ],
)
def test_a_path_has_a_separator_or_a_sign(name, path):
    assert is_path(name) is path


def test_a_bare_name_is_a_path_where_the_folder_is(tmp_path, monkeypatch, tiny_folder):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny_folder, tmp_path / "mine")
    assert is_path("mine")
    assert encoders.load("mine", "cpu").space.encoder == str(tmp_path / "mine")
    (tmp_path / "toy").mkdir()
    assert encoders.load("toy").space.encoder == "toy"


@pytest.mark.parametrize(
    ("mark", "kind"),
    [("config.json", "mini"), ("open_clip_config.json", "openclip"), ("runtime.json", "exported")],
)
def test_formats_are_told_by_their_files_in_a_folder_and_in_a_run(tmp_path, mark, kind):
    inner = tmp_path / "encoder"
    inner.mkdir()
    (inner / mark).write_text("{}")
    assert find(str(inner)) == (kind, inner)
    assert find(str(tmp_path)) == (kind, inner)


def test_a_folder_and_its_run_are_one_space(tmp_path, tiny_folder):
    shutil.copytree(tiny_folder, tmp_path / "encoder")
    run, folder = (
        encoders.load(str(path), "cpu").space for path in (tmp_path, tmp_path / "encoder")
    )
    assert run == folder
    assert run.fingerprint == encoders.load(f"local-dir:{tiny_folder}", "cpu").space.fingerprint


def test_an_exported_encoder_is_loaded_by_its_own_room(tmp_path, monkeypatch):
    (tmp_path / "runtime.json").write_text("{}")
    exported = SimpleNamespace(load_exported=lambda folder, device: (folder, device))
    monkeypatch.setitem(sys.modules, "embedstore.encoders.exported", exported)
    assert encoders.load(str(tmp_path), "cpu") == (tmp_path, "cpu")


def test_a_refused_run_says_what_its_gate_measured_and_how_to_use_it(tmp_path, tiny_folder):
    shutil.copytree(tiny_folder, tmp_path / "refused")
    report = {"offered": False, "why": "val recall@1 .201 does not beat its start's .210"}
    (tmp_path / "report.json").write_text(json.dumps(report))
    with pytest.raises(NotFound, match="does not beat its start's") as caught:
        encoders.load(str(tmp_path), "cpu")
    assert str(tmp_path / "refused") in str(caught.value)
    assert "\n" not in str(caught.value)
    assert encoders.load(str(tmp_path / "refused"), "cpu").space.dim == 16


@pytest.mark.parametrize("report", [None, "{", "[]", "{}"])
def test_a_refused_run_without_a_report_is_refused_all_the_same(tmp_path, report):
    (tmp_path / "refused").mkdir()
    if report is not None:
        (tmp_path / "report.json").write_text(report)
    with pytest.raises(NotFound, match="does not say why"):
        encoders.load(str(tmp_path), "cpu")


def test_what_is_not_there_is_said_in_one_line(tmp_path):
    for name, match in (
        (tmp_path / "gone", "no such folder"),
        (tmp_path, "has its training ended"),
    ):
        with pytest.raises(NotFound, match=match) as caught:
            encoders.load(str(name), "cpu")
        assert "\n" not in str(caught.value)
