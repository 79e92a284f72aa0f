"""Whether answers rest on what they cite: each cited neighbour is taken away, one at a time."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
import numpy as np

from benchmarks.answers import contenders
from benchmarks.answers.asked_heads import Trained, loaded, log_probability_of, without
from benchmarks.answers.cases import cases
from benchmarks.answers.intervals import interval, told
from benchmarks.answers.options import arguments, heads, on_data, written
from benchmarks.answers.stock import stocked
from benchmarks.answers.vectors import Remembering, remembering
from benchmarks.retrieval import plain
from embedstore import encoders
from embedstore.answering.answerer import Answerer
from embedstore.answering.types import Prompt

Row = dict[str, object]
_MANY = 300  # answers


@click.command()
@click.argument("data", type=click.Path(exists=True, path_type=Path))
@click.option("--questions", "asks", is_flag=True, help="DATA holds questions, not captions.")
@heads
@on_data
def command(
    data: Path,
    asks: bool,
    heads: Sequence[Path],
    encoder_name: str,
    limit: int | None,
    k: int,
    cache: Path | None,
    seed: int,
    out: Path | None,
) -> None:
    """Score what the head says of held-out pictures of DATA again, without each neighbour.

    Example: python -m benchmarks answers citations flickr8k/dataset_flickr8k.json --cache VECTORS
    """
    base = encoders.load(encoder_name, "cpu")
    trained = loaded(heads, base.space.fingerprint)
    if not trained:
        click.echo("nothing to measure: citations are measured of a head")
        return
    most = _MANY if limit is None else limit
    with remembering(base, cache) as encoder:
        shown = cases(data, asks, encoder, most, k, seed).shown
        table = [measured(head, shown, seed) | silence(head, shown, encoder) for head in trained]
    kind = "questions" if asks else "captions"
    result = {
        "title": f"Citations: {kind}, {data.stem}, {encoder_name}",
        "table": table,
        "notes": [
            f"{len(shown):,} held-out {kind}, {k} neighbours. Each cited neighbour is taken out "
            "of the prompt and the same answer is scored anew; lower: in what share of cases its "
            "mean log-probability falls. Intervals are a bootstrap over answers."
        ],
        "fingerprint": encoder.space.fingerprint,
    }
    asked = ["citations", data.name, *(["--questions"] if asks else [])]
    asked += arguments(encoder_name, most, k, heads)
    written(f"citations-{kind}-{plain(encoder_name)}-{plain(data.stem)}", result, asked, seed, out)


def measured(head: Trained, shown: Sequence[Prompt], seed: int) -> Row:
    """Give the row of one head."""
    drafts = contenders.drafts(head.generator, shown, "head")
    lower, owners, cited = [], [], 0
    for owner, (prompt, draft) in enumerate(zip(shown, drafts, strict=True)):
        if draft.writer is not None:  # another stood in, whose words the head did not choose
            continue
        places = [place for place, support in enumerate(draft.support) if support > 0]
        cited += bool(places)
        whole = log_probability_of(head.stored, prompt, draft.text) if places else 0.0
        for place in places:
            left = log_probability_of(head.stored, without(prompt, place), draft.text)
            lower.append(left < whole)
            owners.append(owner)
    row: Row = {"generator": "head", "citations": len(lower), "answers that cite": cited}
    if lower:
        row["lower without"] = float(np.mean(lower))
        row["95% interval"] = told(interval(lower, seed, owners))
    return row


def silence(head: Trained, shown: Sequence[Prompt], encoder: Remembering) -> Row:
    """Ask the same of an empty collection, and count how often nothing is answered."""
    with stocked(encoder, []) as empty:
        answerer = Answerer(empty, head.generator, confidences={})
        answers = answerer.decide([replace(prompt, evidence=()) for prompt in shown])
    abstained = [answer.text is None and bool(answer.abstained) for answer in answers]
    return {"abstains without evidence": float(np.mean(abstained))}
