"""The gate: a run whose recall does not beat its start is not offered as an encoder."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from embedstore import encoders
from embedstore.encoders.folder import ENCODER, REFUSED, REPORT
from embedstore.gain import Gain
from embedstore.training.disk import unwritable
from embedstore.training.dual import Dual
from embedstore.training.evaluate import Held, Retrieval, evaluate, gained, mean_recall

_DRAFT, _ASIDE = "encoder.partial", "encoder.before"
_FEW = 20  # photos; drawn anew, fewer differ too little from themselves


@dataclass(frozen=True)
class Report:
    """What a run came to.

    Attributes:
        start: recall@k before training by name, such as `text_to_image@1`.
        mixing_weight: Share of what was learnt in its mixture with the start.
        measured_on: Which photos, for people.
        photos: Learnt from.
        steps: Done.
        seconds: Spent on steps.
        images_per_second: In steps.
        end: recall@k of the encoder as it was written.
        offered: Whether `encoders.load` of the run gives it.
        why: Why it is offered or not, for people.
        encoder: Its folder.
        gain: Of the mean recall, with its 95% interval over the photos.
    """

    start: Mapping[str, float]
    mixing_weight: float
    measured_on: str
    photos: int
    steps: int
    seconds: float
    images_per_second: float
    end: Mapping[str, float] = field(default_factory=dict)
    offered: bool = False
    why: str = ""
    encoder: Path = Path(REFUSED)
    gain: Gain | None = None

    def write(self, run: Path) -> None:
        """Write `report.json` into a run's folder, whole or not at all.

        Raises:
            StorageFull: It cannot be written.
        """
        body = json.dumps({**asdict(self), "encoder": self.encoder.name}, indent=2) + "\n"
        draft = run / f"{REPORT}.tmp"
        try:
            draft.write_text(body, "utf-8")
            draft.replace(run / REPORT)
        except OSError as error:
            raise unwritable("the report", run, len(body), error) from error

    @classmethod
    def read(cls, run: Path) -> "Report":
        """Read what `write` wrote."""
        fields = json.loads((run / REPORT).read_text("utf-8"))
        told = fields.get("gain")  # not of an earlier version
        gain = None if told is None else Gain(**told)
        return cls(**fields | {"encoder": run / fields["encoder"], "gain": gain})


def passed(
    run: Path, dual: Dual, held: Held, begun: Report, start: Retrieval, force: bool
) -> Report:
    """Write the encoder, measure it as it was written, and put it where it belongs.

    Args:
        run: The run's folder.
        dual: With the weights to offer.
        held: Photos to measure on.
        begun: The report so far: all but the end.
        start: What its figures of the start come from.
        force: Offer it whatever its recall.

    Returns:
        The whole report, which is not written yet.

    Raises:
        StorageFull: The encoder cannot be written.
    """
    draft = run / _DRAFT
    shutil.rmtree(draft, ignore_errors=True)
    dual.write(draft)
    found = evaluate(encoders.load(str(draft), str(dual.device)), held.photos)
    report = replace(begun, end=found.figures(), gain=gained(start, found, held.photos))
    better = mean_recall(report.end) > mean_recall(report.start)
    why = _why(report, better, len(held.photos))
    why += "; offered because it was forced" if force and not better else ""
    offered = better or force
    place = run / (ENCODER if offered else REFUSED)
    try:
        _put(draft, place)
    except OSError as error:
        raise unwritable("the encoder", run, 0, error) from error
    return replace(report, offered=offered, why=why, encoder=place)


def _put(draft: Path, place: Path) -> None:
    """Give a new encoder its place; the one before is removed only when that is done."""
    run, aside = place.parent, place.parent / _ASIDE
    aside.mkdir(exist_ok=True)
    try:
        for old in (ENCODER, REFUSED):
            if (run / old).exists():
                shutil.rmtree(aside / old, ignore_errors=True)  # of a run that was killed here
                (run / old).replace(aside / old)
        draft.replace(place)
    except OSError:
        for kept in aside.iterdir():
            kept.replace(run / kept.name)
        raise
    shutil.rmtree(aside)


def _why(report: Report, better: bool, photos: int) -> str:
    before, after = mean_recall(report.start), mean_recall(report.end)
    why = (
        f"{'better' if better else 'no better'} than its start: mean of recall@1, @5 and @10 in "
        f"both directions is {after:.4f}, and was {before:.4f} at the start ({report.measured_on})"
    )
    if report.gain is not None:
        low, high = report.gain.low, report.gain.high
        why += f"; a gain of {report.gain.mean:+.4f}, 95% interval {low:+.4f} to {high:+.4f}"
        if low <= 0 <= high:
            why += ", which is within noise"
        elif photos < _FEW:
            why += ", which says little on so few photos"
    if before == 1.0:
        why += "; nothing can beat that: measure on more photos with --val"
    return why
