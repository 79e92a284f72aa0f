"""`embedstore calibrate-answers`."""

from typing import TYPE_CHECKING

import click

from api.commands.answering import Wanted, answer_options, writer_options
from api.output import print_json, print_table
from api.progress import progress

if TYPE_CHECKING:
    from embedstore.answering.confidence import Confidence


@click.command()
@click.option(
    "--items",
    type=click.IntRange(min=100),
    default=500,
    show_default=True,
    help="With captions, and as many with answers, to ask about at most.",
)
@click.option("--forget", is_flag=True, help="Measure nothing; forget what was measured.")
@writer_options
@answer_options
def calibrate_answers(items: int, forget: bool, wanted: Wanted) -> None:
    """Measure how sure answers are, on items whose captions or answers the collection holds.

    Each is asked about as if it were not there, and what is written is judged by what it says
    itself. From then on `caption` and `ask` tell the probability that an answer is right, and
    withhold what is too unsure.

    \b
    Example:
      embedstore calibrate-answers
      embedstore calibrate-answers --generator consensus --items 1000
      embedstore calibrate-answers --forget
    """
    from embedstore.answering.kept import keep
    from embedstore.answering.measuring import measure_answers
    from embedstore.pace import Pace

    if forget:
        with wanted.opened() as collection:
            keep(collection, {})
        return
    with wanted.answerer() as answerer, progress("asking about stored items") as show:
        pace = Pace()
        found = measure_answers(
            answerer, items, lambda done, total: show(done, total, pace.rate(done))
        )
    if wanted.as_json:
        told = [
            {"generator": writer, "task": task, **_figures(each)}
            for (writer, task), each in found.items()
        ]
        print_json(told)
        return
    print_table(
        ("written by", "task", "judged", "calibration error", "withheld below", "wrong then"),
        [
            (
                writer,
                task,
                str(each.n),
                f"{each.error:.3f}",
                f"{each.threshold:.2f}" if each.threshold <= 1 else "all",
                f"{each.risk:.0%} at most",
            )
            for (writer, task), each in found.items()
        ],
    )
    click.echo("`--risk` and `--min-confidence` of caption and ask choose other thresholds")
    undo = f"embedstore calibrate-answers --collection {wanted.collection} --forget"
    click.echo(f"take it back with `{undo}`")


def _figures(found: "Confidence") -> dict[str, object]:
    kept = ("n", "error", "brier", "risk", "threshold", "thresholds", "about")
    return {name: getattr(found, name) for name in kept}
