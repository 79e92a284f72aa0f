"""`embedstore reply`."""

import click

from api.commands.answering import answer_options, opened, print_answer, settings


@click.command()
@click.argument("message")
@answer_options
def reply(
    message: str,
    store: str,
    index_folder: str | None,
    collection: str,
    as_json: bool,
    k: int,
    where: str | None,
    min_score: float | None,
) -> None:
    """Answer a customer from questions that were answered before, and cite them.

    The collection holds lines such as {"question": "when do you open", "answer": "At nine."}.

    \b
    Example:
      embedstore index faq.jsonl -c faq
      embedstore reply "are you open on sunday" -c faq
    """
    from embedstore.answering import tasks

    with opened(store, index_folder, collection) as answered:
        print_answer(tasks.reply(answered, message, settings(k, where, min_score)), as_json)
