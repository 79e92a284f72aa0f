"""Files of the Hugging Face hub: from the cache where they are there, else fetched.

The hub is asked once, with a short wait, before anything is fetched: its own downloads try for
about a minute and print each failure.
"""

from collections.abc import Callable
from pathlib import Path

from huggingface_hub import HfApi, hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
)

from embedstore.errors import NotFound, Unavailable

WEIGHTS = "open_clip_model.safetensors"
_WAIT = 10.0  # seconds
_SMALL = ("*.json", "*.txt", "*.model")  # configuration and tokenizer


def hub_file(name: str, repo: str, filename: str) -> Path:
    """Give one file of a repository of the hub.

    Raises:
        NotFound: No such repository or file.
        Unavailable: It is not in the cache, and the hub cannot be reached or refuses.
    """
    return _fetched(
        name,
        repo,
        lambda local: hf_hub_download(repo, filename, local_files_only=local),
    )


def hub_folder(name: str, repo: str) -> Path:
    """Give a folder with weights, configuration and tokenizer of a repository of the hub.

    Raises:
        NotFound: No such repository.
        Unavailable: It is not in the cache, and the hub cannot be reached or refuses.
    """
    return _fetched(
        name,
        repo,
        lambda local: snapshot_download(
            repo, allow_patterns=[*_SMALL, WEIGHTS], local_files_only=local
        ),
    )


def _fetched(name: str, repo: str, fetch: Callable[[bool], str]) -> Path:
    try:
        return Path(fetch(True))
    except LocalEntryNotFoundError:
        pass
    try:
        HfApi().model_info(repo, timeout=_WAIT)
        return Path(fetch(False))
    except GatedRepoError as error:
        raise Unavailable(
            f"{name}: its authors ask for consent; give it on the hub's page of {repo} and log in "
            "with `hf auth login`, or use --encoder mini"
        ) from error
    except LocalEntryNotFoundError as error:
        raise _unreachable(name, error) from error
    except (RepositoryNotFoundError, EntryNotFoundError) as error:
        raise NotFound(
            f"{name}: the model hub has no such weights as safetensors; check the name, or log in "
            "with `hf auth login` if they are private"
        ) from error
    except Exception as error:  # whichever HTTP client the hub's package uses has its own errors
        raise _unreachable(name, error) from error


def _unreachable(name: str, error: Exception) -> Unavailable:
    return Unavailable(
        f"{name}: the model hub cannot be reached to fetch the weights ({type(error).__name__}); "
        "connect and try again, or work offline with --encoder mini"
    )
