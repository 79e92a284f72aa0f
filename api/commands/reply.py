"""`embedstore reply`."""

import click

from api.commands.answer_output import print_answer
from api.commands.answering import Wanted, answer_options


@click.command()
@click.argument("message")
@answer_options
def reply(message: str, wanted: Wanted) -> None:
    """Answer a customer from questions that were answered before, and cite them.

    The collection holds lines such as {"question": "when do you open", "answer": "At nine."}.

    \b
    Example:
      embedstore index faq.jsonl -c faq
      embedstore reply "are you open on sunday" -c faq
    """
    from embedstore.answering import tasks

    with wanted.opened() as answered:
        print_answer(tasks.reply(answered, message, wanted.settings), wanted.as_json)
