"""Answers to questions about held-out pictures, from what a store's pictures were asked."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import numpy as np

from benchmarks.answers import contenders
from benchmarks.answers.asked_heads import Trained, loaded
from benchmarks.answers.intervals import interval, told
from benchmarks.answers.options import arguments, heads, on_data, written
from benchmarks.answers.photo_data import some
from benchmarks.answers.plain import most_frequent
from benchmarks.answers.question_data import Asked, questions_of
from benchmarks.answers.stock import prompts, stocked
from benchmarks.answers.vectors import Remembering, remembering
from benchmarks.retrieval import plain
from embedstore import encoders
from embedstore.answering import reading
from embedstore.answering.types import Prompt
from embedstore.text_metrics import (
    signature,
    vqa_accuracy,
    wordnet_similarity,
    wups,
    wups_missing,
)
from embedstore.types import Item

Row = dict[str, object]


@click.command()
@click.argument("qa", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@heads
@on_data
def command(
    qa: Path,
    heads: Sequence[Path],
    encoder_name: str,
    limit: int | None,
    k: int,
    cache: Path | None,
    seed: int,
    out: Path | None,
) -> None:
    """Answer the questions of QA about held-out pictures from those about all others.

    Example: python -m benchmarks answers questions daquar/qa_train.jsonl --cache VECTORS
    """
    learnt, held = questions_of(qa)
    asked = some(held, limit, seed)
    with remembering(encoders.load(encoder_name, "cpu"), cache) as encoder:
        shown = neighbours(learnt, asked, encoder, k)
        blind = without_picture(learnt, asked, encoder, k)
    table = rows(learnt, asked, shown, blind, loaded(heads, encoder.space.fingerprint), seed)
    pictures = [len({each.image for each in side}) for side in (asked, learnt)]
    result = {
        "title": f"Questions: {qa.stem}, {encoder_name}",
        "table": table,
        "notes": [
            f"{len(asked):,} questions about {pictures[0]:,} pictures held out by a hash of their "
            f"names, {len(learnt):,} about {pictures[1]:,} stored; {k} neighbours. An answer is "
            "right if it equals one of those given, after the official normaliser; intervals are a "
            "bootstrap over pictures.",
            f"Signature: `{signature([each.answers for each in asked])}`.",
        ],
        "fingerprint": encoder.space.fingerprint,
    }
    words = ["questions", qa.name, *arguments(encoder_name, limit, k, heads)]
    written(f"questions-{plain(encoder_name)}-{plain(qa.stem)}", result, words, seed, out)


def neighbours(
    learnt: Sequence[Asked], asked: Sequence[Asked], encoder: Remembering, k: int
) -> list[Prompt]:
    """Store the questions to learn from, and find the neighbours of those that are asked."""
    items = [
        Item(str(number), each.image, (each.question,), {"answers": list(each.answers)})
        for number, each in enumerate(learnt)
    ]
    images = encoder.files([each.image for each in learnt])
    texts = encoder.encode_texts([each.question for each in learnt])
    with stocked(encoder, items, images, texts) as collection:
        wanted = [(each.question, each.image) for each in asked]
        return prompts(collection, reading.replies, wanted, k)


def without_picture(
    learnt: Sequence[Asked], asked: Sequence[Asked], encoder: Remembering, k: int
) -> list[str]:
    """Answer from words alone: the most frequent answer of the k most similar questions."""
    held = encoder.encode_texts([each.question for each in learnt])
    scores = encoder.encode_texts([each.question for each in asked]) @ held.T
    nearest = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return [most_frequent([a for place in row for a in learnt[place].answers]) for row in nearest]


def rows(
    learnt: Sequence[Asked],
    asked: Sequence[Asked],
    shown: Sequence[Prompt],
    blind: Sequence[str],
    trained: Sequence[Trained],
    seed: int,
) -> list[Row]:
    """Measure every generator."""
    majority = most_frequent([answer for each in learnt for answer in each.answers])
    found = {"majority": [[majority] * len(asked)], "question only": [list(blind)]}
    for name, answers in contenders.written(shown, trained):
        found.setdefault(name, []).append(answers)
    return scored(found, asked, seed)


def scored(found: Mapping[str, list[list[str]]], asked: Sequence[Asked], seed: int) -> list[Row]:
    """Give a row for each generator: accuracy, the mean over its seeds."""
    table = []
    near = None if wups_missing() else wordnet_similarity()
    for name, runs in found.items():
        right = np.array(
            [
                [vqa_accuracy(text, each.answers) for text, each in zip(run, asked, strict=True)]
                for run in runs
            ]
        )  # (runs, n)
        each = right.mean(axis=0)
        row: Row = {"generator": name, "accuracy": float(each.mean())}
        row["95% interval"] = told(interval(each, seed, [one.image for one in asked]))
        if near is not None:
            row["WUPS@.9"] = float(
                np.mean(
                    [
                        wups(text, one.answers, near)
                        for run in runs
                        for text, one in zip(run, asked, strict=True)
                    ]
                )
            )
        if len(runs) > 1:
            row["sd of seeds"] = float(right.mean(axis=1).std(ddof=1))
        table.append(row)
    return table
