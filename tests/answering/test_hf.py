"""A local vision-language model loads from a folder and answers, or says why not."""

import io
import json
import sys
from pathlib import Path

import pytest
from PIL import Image

from embedstore.answering.hf import HfGenerator
from embedstore.answering.types import Evidence, Prompt
from embedstore.encoders import torchvision_ops
from embedstore.errors import BadImage, MissingExtra, NotFound, Unavailable

EVIDENCE = (Evidence("a", ("A dog runs.",), 0.9), Evidence("b", ("A cat.",), 0.8))
TEMPLATE = (
    "{% for m in messages %}{{ m['role'] }}: {% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}<image>{% else %}{{ c['text'] }}{% endif %}{% endfor %}\n"
    "{% endfor %}assistant:"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llava of a few thousand random weights, with a tokenizer of bytes."""
    torchvision_ops.declare()
    transformers = pytest.importorskip("transformers", reason="pip install 'embedstore[hf]'")
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    alphabet = ["<pad>", "</s>", "<image>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    core = Tokenizer(models.BPE({sign: n for n, sign in enumerate(alphabet)}, []))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token="<pad>",
        eos_token="</s>",
        extra_special_tokens={"image_token": "<image>"},
    )
    vision = transformers.CLIPVisionConfig(
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=28,
        patch_size=14,
    )
    text = transformers.LlamaConfig(
        vocab_size=len(alphabet),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=None,
        max_position_embeddings=4096,
    )
    config = transformers.LlavaConfig(vision_config=vision, text_config=text, image_token_index=2)
    path = tmp_path_factory.mktemp("llava")
    transformers.LlavaForConditionalGeneration(config).save_pretrained(path)
    transformers.LlavaProcessor(
        image_processor=transformers.CLIPImageProcessor(
            size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}
        ),
        tokenizer=tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=TEMPLATE,
    ).save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def generator(folder: Path) -> HfGenerator:
    return HfGenerator(folder)


def test_nonsense_becomes_an_empty_draft_of_every_prompt(generator, folder):
    file = io.BytesIO()
    Image.new("RGB", (60, 40), "red").save(file, "PNG")
    prompts = [Prompt(EVIDENCE, "What?", file.getvalue()), Prompt(EVIDENCE), Prompt((), "What?")]
    drafts = generator.generate(prompts)
    assert [draft.text for draft in drafts] == ["", "", ""]
    assert [draft.support for draft in drafts] == [(0.0, 0.0), (0.0, 0.0), ()]
    assert drafts[0].log_probability < 0
    assert drafts[0].signals["log_probability_known"] == 1
    assert drafts[0].signals["understood"] == 0
    assert generator.name == f"hf:{folder}"


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


def test_weights_that_are_not_safetensors_are_refused(folder, tmp_path):
    for file in folder.iterdir():
        if file.suffix != ".safetensors":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(Unavailable, match="safetensors"):
        HfGenerator(tmp_path)


def test_a_missing_package_names_its_extra(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtra, match=r"embedstore\[hf\]"):
        HfGenerator(folder)
