"""Exported encoders: what they compute, whose space they are, and what they say of damage."""

import importlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from embedstore import encoders
from embedstore.encoders.exported import load_exported
from embedstore.encoders.runtime_file import RUNTIME, Evidence, Graph, RuntimeFile
from embedstore.errors import Conflict, Corrupt, Invalid, MissingExtra, NoDevice
from embedstore.exporting import Export, fastest
from embedstore.health import examine_encoder
from embedstore.types import ImagePreprocess, Space

for package in ("onnxscript", "onnxruntime", "openvino"):
    pytest.importorskip(package, reason=f"needs {package}: `pip install 'embedstore[openvino]'`")

TEXTS = ["a red dog", "", "\ud800 half a pair", "dog " * 1000, "the sea at night"]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    rng = np.random.default_rng(3)
    lines = []
    for place in range(4):
        pixels = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{place}.png")
        lines.append(json.dumps({"image": f"{place}.png", "text": f"picture {place}"}))
    (folder / "pairs.jsonl").write_text("\n".join(lines))
    return folder / "pairs.jsonl"


@pytest.fixture(scope="module")
def export(tiny_folder, pairs, tmp_path_factory):
    return Export(f"local-dir:{tiny_folder}", tmp_path_factory.mktemp("traced"), pairs)


WAYS = [
    ("onnx", "fp32"),
    ("onnx", "int8"),
    ("openvino", "fp32"),
    ("openvino", "bf16"),
    ("openvino", "int8"),
]


@pytest.fixture(scope="module", params=WAYS, ids=lambda way: "-".join(way))
def folder(request, export, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "encoder"
    export.write(folder, *request.param)
    return folder


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(1)
    return [rng.integers(0, 256, (32, 32, 3), dtype=np.uint8) for _ in range(20)]


def test_it_computes_what_its_source_computes(folder, export, pictures):
    fast = encoders.load(str(folder), "cpu")
    near = 1e-4 if fast.made.precision == "fp32" else 0.05
    for made, exact in (
        (fast.encode_images(pictures), export.source.encode_images(pictures)),
        (fast.encode_texts(TEXTS), export.source.encode_texts(TEXTS)),
    ):
        assert made.shape == exact.shape
        assert made.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(made, axis=1), 1.0, atol=1e-5)
        assert (made * exact).sum(1).min() > 1 - near
    assert fast.overlong(TEXTS) == export.source.overlong(TEXTS)
    assert fast.preprocess == export.source.preprocess


def test_the_batch_does_not_matter(folder, pictures):
    fast = load_exported(folder)
    # bfloat16 rounds what other batches sum in another order
    near = 1e-5 if fast.made.precision == "fp32" or fast.made.image.alone else 5e-3
    for encode, things in ((fast.encode_images, pictures), (fast.encode_texts, TEXTS)):
        whole = encode(things)
        alone = np.concatenate([encode([thing]) for thing in things])
        np.testing.assert_allclose(whole, alone, atol=near)
        np.testing.assert_allclose(whole[::-1], encode(things[::-1]), atol=near)
        assert encode([]).shape == (0, fast.space.dim)


def test_pictures_of_another_size_are_refused(folder):
    with pytest.raises(Invalid, match="expects"):
        load_exported(folder).encode_images([np.zeros((33, 32, 3), np.uint8)])


def test_too_small_a_set_makes_a_space_of_its_own(folder, export):
    fast = load_exported(folder)
    assert fast.made.evidence.captions == 4
    assert fast.space.fingerprint != export.source.space.fingerprint
    assert fast.space.encoder == str(folder)
    assert load_exported(folder).space == fast.space


@pytest.fixture
def copy(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.mark.parametrize("name", ["image.onnx", "text.onnx", RUNTIME])
def test_damaged_and_missing_files_are_named(copy, name):
    (copy / name).write_bytes((copy / name).read_bytes()[:-20])
    with pytest.raises(Corrupt, match="export it again") as caught:
        load_exported(copy)
    assert "\n" not in str(caught.value)
    (copy / name).unlink()
    with pytest.raises(Corrupt, match=name):
        load_exported(copy)


def test_only_the_cpu_runs_it(folder):
    with pytest.raises(NoDevice, match="cuda"):
        load_exported(folder, "cuda")


def test_a_missing_runtime_names_what_to_install(folder, monkeypatch):
    def missing(name):
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(MissingExtra, match=r"pip install 'embedstore\["):
        load_exported(folder)


def test_what_cannot_be_written_is_said(export, tmp_path):
    with pytest.raises(Invalid, match="expected --runtime openvino"):
        export.write(tmp_path / "new", "onnx", "bf16")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(Conflict, match="is there already"):
        export.write(tmp_path / "full", "onnx", "fp32")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full"]


def test_an_encoder_without_towers_is_refused(tmp_path):
    with pytest.raises(Invalid, match="no torch model to export"):
        Export("toy", tmp_path)


def evidence(loss=0.0, captions=1000, photos=200, rate=2.0):
    return Evidence("made", photos, captions, {"R@1": 0.5 - loss}, {"R@1": 0.5}, {}, rate, 1.0)


def made(found, precision="int8"):
    source = Space("mini", "weights", "reading", 4)
    graph = Graph("image.onnx", "0")
    look = ImagePreprocess(32)
    return RuntimeFile(
        "onnx", precision, source, look, "wordpiece", 8, graph, graph, evidence=found
    )


@given(
    st.floats(-0.1, 0.1), st.integers(1, 5000), st.integers(1, 2000), st.sampled_from(["a", "b"])
)
def test_the_source_is_answered_for_only_where_recall_was_shown_to_stay(
    loss, captions, photos, name
):
    held = made(evidence(loss, captions, photos))
    space = held.space(Path("/") / name)
    shown = captions >= 1000 and photos >= 200 and held.evidence.loss <= 0.005 + 1e-9
    assert (space.fingerprint == held.source.fingerprint) == shown
    assert space.encoder == f"/{name}"


def test_a_runtime_file_comes_back_as_it_was_written(tmp_path):
    for found in (None, evidence()):
        made(found).write(tmp_path)
        assert RuntimeFile.read(tmp_path) == made(found)


def test_the_pick_is_the_fastest_that_keeps_recall():
    slow, fast = made(evidence(rate=2.0), "fp32"), made(evidence(rate=3.0))
    lossy = made(evidence(loss=0.01, rate=9.0))
    few = made(evidence(captions=10, rate=9.0))
    assert fastest([slow, fast, lossy, few, made(None)]) == fast
    assert fastest([lossy, few]) is None
    assert fastest([replace(slow, evidence=evidence(rate=0.5))]) is None


def test_doctor_says_when_there_are_too_few_captions(tiny_folder, pairs, tmp_path):
    found = list(examine_encoder(f"local-dir:{tiny_folder}", tmp_path, pairs))
    assert len(found) == len(WAYS) + 1
    assert "too few captions" in found[-1].detail
    assert "x float32" in found[0].detail
