"""Items into unit vectors of one space.

| name | what it is |
|---|---|
| `mini` | the bundled encoder; works offline |
| `openclip:MODEL/PRETRAINED` | a model of open_clip, as ViT-B-32/laion2b_s34b_b79k |
| `openclip:MODEL//PATH.safetensors` | a model of open_clip with weights of a file |
| `hf-hub:ORG/NAME` | an open_clip model of the Hugging Face hub |
| `local-dir:PATH` | a folder with open_clip_config.json and open_clip_model.safetensors |
| `PATH` | a run of `embedstore train`, or a folder with an encoder, as ./run or /home/me/run |
| `toy` | words and colours without weights, for tests |
"""

from embedstore.errors import NotFound
from embedstore.types import Encoder

__all__ = ["CHOICES", "DEFAULT", "explain_device", "load"]

DEFAULT = "mini"
CHOICES = (
    "mini",
    "openclip:MODEL/PRETRAINED",
    "openclip:MODEL//PATH.safetensors",
    "hf-hub:ORG/NAME",
    "local-dir:PATH",
    "PATH",
    "toy",
)


def load(name: str, device: str = "auto") -> Encoder:
    """Load an encoder by its name; torch is imported here, not before.

    Args:
        name: One of `CHOICES`.
        device: "auto", "cpu", "cuda", "cuda:1", ...; auto takes a GPU where one works.

    Returns:
        An encoder, ready to encode.

    Raises:
        NotFound: No encoder, model, folder or file of that name, or a run that was refused.
        Unavailable: The model hub cannot be reached.
        NoDevice: The device was asked for and is not there.
        Invalid: The weights are of a format that is not let in, or of another model.
        Corrupt: A file is damaged.
    """
    kind, _, rest = name.partition(":")
    match kind, bool(rest):
        case "mini", False:
            from embedstore.encoders.mini import load_mini

            return load_mini(device)
        case "toy", False:
            from embedstore.encoders.toy import ToyEncoder

            return ToyEncoder()
        case "openclip" | "hf-hub" | "local-dir", True:
            from embedstore.encoders.openclip import load_openclip

            return load_openclip(name, device)
    from embedstore.encoders.folder import is_path, load_folder

    if is_path(name):
        return load_folder(name, device)
    raise NotFound(f"no encoder {name!r}; expected one of {', '.join(CHOICES)}; try --encoder mini")


def explain_device() -> str:
    """Say where encoders run on this machine, and why."""
    from embedstore.encoders.devices import explain

    return explain()
