"""`embedstore export-encoder` and the pick of `embedstore doctor`."""

import json

import pytest
from click.testing import CliRunner

from api.cli import main
from embedstore import exporting
from embedstore.encoders.runtime_file import Evidence, Graph, RuntimeFile
from embedstore.types import ImagePreprocess, Space


def evidence(loss, captions=1000):
    name = "text -> image R@1"
    return Evidence(
        "made", 200, captions, {name: 0.5 - loss}, {name: 0.5}, {"image": 1}, 30.0, 10.0
    )


def made(found, precision="int8"):
    graph = Graph("image.onnx", "0")
    return RuntimeFile(
        "openvino",
        precision,
        Space("mini", "weights", "reading", 4),
        ImagePreprocess(32),
        "wordpiece",
        8,
        graph,
        graph,
        evidence=found,
    )


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (evidence(0.001), "it keeps recall"),
        (evidence(0.02), "recall fell by 2.0 points"),
        (evidence(0.0, captions=10), "too few captions"),
    ],
)
def test_it_says_whose_space_it_is(monkeypatch, tmp_path, found, said):
    asked = []
    monkeypatch.setattr(
        exporting, "export_encoder", lambda *given: asked.append(given) or made(found)
    )
    out = tmp_path / "fast"
    command = ["export-encoder", "mini", "--out", str(out), "--calibration", "pairs.jsonl"]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    assert said in done.output
    assert asked[0][:4] == ("mini", out, "openvino", "int8")
    told = json.loads(CliRunner().invoke(main, [*command, "--json"]).stdout)
    assert told["same_space"] == (said == "it keeps recall")
    assert told["evidence"]["captions"] == found.captions


def test_an_encoder_that_is_not_there_is_one_line(tmp_path):
    done = CliRunner().invoke(main, ["export-encoder", "nothing", "--out", str(tmp_path / "a")])
    assert done.exit_code == 3
    assert done.output.startswith("error: no encoder 'nothing'")
    assert done.output.count("\n") == 1


def test_doctor_picks_the_fastest_that_keeps_recall(monkeypatch, tmp_path):
    forms = [made(evidence(0.02)), made(evidence(0.001), "bf16")]
    monkeypatch.setattr(exporting, "trials", lambda *given: iter(forms))
    command = ["doctor", "--encoder", "mini", "--out", "forms", "--store", str(tmp_path / "none")]
    done = CliRunner().invoke(main, [*command, "--json"])
    assert done.exit_code == 0, done.output
    found = {each["name"]: each["detail"] for each in json.loads(done.stdout)}
    assert "3.0x float32" in found["mini as openvino-int8"]
    assert "-2.0 points" in found["mini as openvino-int8"]
    assert found["fastest encoder"].startswith("openvino-bf16: use it with --encoder forms")
