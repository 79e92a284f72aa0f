"""The part of `embedstore demo` that answers: captions and questions, each cited."""

from typing import TYPE_CHECKING, Any

import click

from api.commands.answer_output import answer_json

if TYPE_CHECKING:
    from embedstore import Collection

# Photos of the gallery, and a question about each; without it, a caption is asked for
QUESTIONS = {
    "nasa3.jpg": "what is on the launch pad",
    "city10.jpg": "what can be seen in the city",
    "snow4.jpg": "what lies on the mountains",
}
ASKED = (*((photo, None) for photo in QUESTIONS), *QUESTIONS.items())
SHOWN = 3  # citations of each


def demo_answers(photos: "Collection") -> list[dict[str, Any]]:
    """Caption photos of the gallery and answer questions about them, from other photos alone."""
    from embedstore.answering.answerer import Answerer, Settings
    from embedstore.answering.evidence import OwnGroup
    from embedstore.gallery import corpus

    folder, told = corpus().parent / "photos", []
    generator = None
    for key, question in ASKED:
        apart = Settings(leave_out=OwnGroup((key,)))  # the photo itself would give it away
        answerer = Answerer(photos, generator, apart)
        generator = answerer.generator  # loaded once
        picture = folder / key
        answer = answerer.caption(picture) if question is None else answerer.ask(question, picture)
        told.append({"photo": key, "question": question, **answer_json(answer)})
    return told


def print_demo_answers(told: list[dict[str, Any]]) -> None:
    """Print each answer with its strongest citations, or the reason why there is none."""
    for each in told:
        asked = "what it shows" if each["question"] is None else each["question"]
        click.echo(f"{each['photo']}, {asked}: {each['answer'] or 'not found'}")
        for cited in each["citations"][:SHOWN]:
            click.echo(
                f"  [{cited['number']}] {cited['key']} ({cited['score']:.2f}): {cited['text']}"
            )
        if each["abstained"] is not None:
            click.echo(f"  {each['abstained']}")
    writers = " and ".join(dict.fromkeys(each["generator"] for each in told))
    click.echo(f"answered by {writers}; no photo is evidence for itself")
