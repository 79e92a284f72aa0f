"""A local vision-language model loads from a folder and answers, or says why not."""

import io
import json
import sys
from pathlib import Path

import pytest
from PIL import Image

from embedstore.answering.hf import HfGenerator
from embedstore.answering.types import Evidence, Prompt
from embedstore.errors import BadImage, MissingExtra, NotFound, Unavailable

EVIDENCE = (Evidence("a", ("A dog runs.",), 0.9), Evidence("b", ("A cat.",), 0.8))


@pytest.fixture(scope="module")
def generator(vision_language_folder: Path) -> HfGenerator:
    return HfGenerator(vision_language_folder)


def test_nonsense_becomes_an_empty_draft_of_every_prompt(generator, vision_language_folder):
    file = io.BytesIO()
    Image.new("RGB", (60, 40), "red").save(file, "PNG")
    prompts = [Prompt(EVIDENCE, "What?", file.getvalue()), Prompt(EVIDENCE), Prompt((), "What?")]
    drafts = generator.generate(prompts)
    assert [draft.text for draft in drafts] == ["", "", ""]
    assert [draft.support for draft in drafts] == [(0.0, 0.0), (0.0, 0.0), ()]
    assert drafts[0].log_probability < 0
    assert drafts[0].signals["log_probability_known"] == 1
    assert drafts[0].signals["understood"] == 0
    assert generator.name == f"hf:{vision_language_folder}"


def test_json_becomes_a_draft_with_its_citations(generator, monkeypatch):
    said = json.dumps({"answer": "a dog", "citations": [1, 3], "found": True})
    monkeypatch.setattr(generator._processor, "decode", lambda *_, **__: said, raising=False)
    draft = generator.generate([Prompt(EVIDENCE, "What?")])[0]
    assert (draft.text, draft.support) == ("a dog", (1.0, 0.0))
    assert draft.signals["false_citations"] == 1


def test_a_bad_picture_is_refused(generator):
    with pytest.raises(BadImage):
        generator.generate([Prompt(EVIDENCE, image=b"no picture")])


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(NotFound, match="no model there"):
        HfGenerator(tmp_path)


def test_a_folder_with_something_else_is_one_line(tmp_path):
    pytest.importorskip("transformers", reason="pip install 'embedstore[hf]'")
    (tmp_path / "config.json").write_text('{"model_type": "no such thing"}')
    with pytest.raises(Unavailable, match="cannot be loaded") as caught:
        HfGenerator(tmp_path)
    assert "\n" not in str(caught.value)


def test_weights_that_are_not_safetensors_are_refused(vision_language_folder, tmp_path):
    for file in vision_language_folder.iterdir():
        if file.suffix != ".safetensors":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(Unavailable, match="safetensors"):
        HfGenerator(tmp_path)


def test_a_missing_package_names_its_extra(vision_language_folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtra, match=r"embedstore\[hf\]"):
        HfGenerator(vision_language_folder)
