"""Names of encoders, and what they do not load."""

import subprocess
import sys

import pytest

from embedstore import encoders
from embedstore.errors import NotFound


@pytest.mark.parametrize("name", ["", "nope", "openclip", "openclip:", "mini:x", "toys", "hf-hub:"])
def test_unknown_names_list_the_choices(name):
    with pytest.raises(NotFound) as caught:
        encoders.load(name)
    assert "openclip:MODEL/PRETRAINED" in str(caught.value)
    assert "--encoder mini" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_documented_names_are_the_choices():
    for choice in encoders.CHOICES:
        assert f"`{choice}`" in encoders.__doc__


def test_torch_is_loaded_by_those_who_need_it_only():
    code = (
        "import sys; from embedstore import encoders; encoders.load('toy').encode_texts(['a']);"
        "assert not {'torch', 'open_clip', 'torchvision'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_mini_loads_no_package_that_is_slow_to_import():
    code = (
        "import sys; from embedstore import encoders; encoders.load('mini').encode_texts(['a']);"
        "assert not {'open_clip', 'torchvision', 'timm', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
