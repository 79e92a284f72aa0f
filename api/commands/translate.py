"""`embedstore translate`."""

from pathlib import Path

import click

from api.commands.answer_output import print_answer
from api.commands.answering import Wanted, answer_options


@click.command()
@click.argument("text_or_image")
@click.option("--language", required=True, metavar="NAME", help="As the items call it, such as fr.")
@answer_options
def translate(
    text_or_image: str,
    language: str,
    wanted: Wanted,
) -> None:
    """Caption a picture, or translate a text, with the translations that its neighbours hold.

    The collection holds lines such as {"image": "a.png", "caption": "a dog", "translations":
    {"fr": "un chien"}}. What names a file is a picture; anything else is a text.

    \b
    Example:
      embedstore translate stamp.png --language fr -c stamps
      embedstore translate "a red apple" --language de -c stamps
    """
    from embedstore.answering import tasks
    from embedstore.corpus.formats import SUFFIXES
    from embedstore.errors import NotFound

    path = Path(text_or_image)
    if path.suffix.lower() in SUFFIXES and not path.exists():
        raise NotFound(f"no file {text_or_image}; check the path, or leave out {path.suffix}")
    is_file = len(text_or_image) < 256 and path.is_file()
    with wanted.opened() as captioned:
        answer = tasks.translate(
            captioned,
            language,
            text=None if is_file else text_or_image,
            image=path if is_file else None,
            settings=wanted.settings,
        )
        print_answer(answer, wanted.as_json)
