"""Fixtures that every room's tests share."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# A loaded machine is no fault of the code. Under CI, hypothesis itself draws the same cases anew
settings.register_profile("unhurried", settings.default, deadline=None)
settings.load_profile("unhurried")

SHARED = Path(os.environ.get("EMBEDSTORE_SHARED", Path(__file__).parents[2] / "shared"))

TEMPLATE = (
    "{% for m in messages %}{{ m['role'] }}: {% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}<image>{% else %}{{ c['text'] }}{% endif %}{% endfor %}\n"
    "{% endfor %}assistant:"
)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets beside a developer's checkout; skips where it is absent."""
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip(f"no shared data at {folder}; set EMBEDSTORE_SHARED to its parent folder")
    return folder


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts an empty file system of a size such as "3m"; skips where mounting is refused."""
    mounted = []

    def mount(size: str) -> Path:
        place = tmp_path / f"disk-{size}"
        place.mkdir()
        asked = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
        done = subprocess.run(asked, capture_output=True, check=False)
        if done.returncode:
            pytest.skip(f"cannot mount a small file system here: {done.stderr.decode().strip()}")
        mounted.append(place)
        return place

    yield mount
    for place in mounted:
        subprocess.run(["umount", "-l", str(place)], check=True)


def _programs() -> Path:
    found = [Path(path) for path in (shutil.which("pg_ctl"),) if path]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    if not found:
        pytest.skip("PostgreSQL's server is not installed (Debian: apt install postgresql)")
    return found[-1].parent


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """A PostgreSQL of its own, on a socket in a temporary folder."""
    programs = _programs()
    pytest.importorskip("psycopg", reason="needs `pip install 'embedstore[postgres]'`")
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        user = None
        if os.geteuid() == 0:  # the server refuses to run as root
            user = "postgres"
            shutil.chown(folder, user)

        def run(program: str, *arguments: str) -> None:
            subprocess.run(
                [programs / program, "-D", f"{folder}/data", *arguments],
                user=user,
                cwd=folder,
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

        # A collation that is not by code point, as most servers have
        run(
            "initdb", "-U", "tester", "-E", "UTF8", "--locale-provider=icu", "--icu-locale=en", "-N"
        )
        options = f"-c fsync=off -c listen_addresses='' -k {folder}"
        run("pg_ctl", "-w", "-l", f"{folder}/log", "-o", options, "start")
        try:
            yield f"postgresql://tester@/postgres?host={folder}"
        finally:
            run("pg_ctl", "-m", "immediate", "stop")


@pytest.fixture(scope="session")
def vision_language_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llava of a few thousand random weights, with a tokenizer of bytes."""
    from embedstore.encoders import torchvision_ops

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
