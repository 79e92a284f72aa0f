"""The gate: a run whose recall does not beat its start is not offered as an encoder."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from embedstore import encoders
from embedstore.encoders.folder import ENCODER, REFUSED, REPORT
from embedstore.training.disk import unwritable
from embedstore.training.dual import Dual
from embedstore.training.evaluate import Held, evaluate, mean_recall

_DRAFT = "encoder.partial"


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
        return cls(**fields | {"encoder": run / fields["encoder"]})


def passed(run: Path, dual: Dual, held: Held, begun: Report, force: bool) -> Report:
    """Write the encoder, measure it as it was written, and put it where it belongs.

    Args:
        run: The run's folder.
        dual: With the weights to offer.
        held: Photos to measure on.
        begun: The report so far: all but the end.
        force: Offer it whatever its recall.

    Returns:
        The whole report, which is not written yet.

    Raises:
        StorageFull: The encoder cannot be written.
    """
    draft = run / _DRAFT
    shutil.rmtree(draft, ignore_errors=True)
    dual.write(draft)
    end = evaluate(encoders.load(str(draft), str(dual.device)), held.photos).figures()
    before, after = mean_recall(begun.start), mean_recall(end)
    better = after > before
    said = (
        f"mean of recall@1, @5 and @10 in both directions is {after:.4f}, and was {before:.4f} at "
        f"the start ({begun.measured_on})"
    )
    why = f"{'better' if better else 'no better'} than its start: {said}"
    if before == 1.0:
        why += "; nothing can beat that: measure on more photos with --val"
    why += "; offered because it was forced" if force and not better else ""
    offered = better or force
    place = run / (ENCODER if offered else REFUSED)
    try:
        for old in (ENCODER, REFUSED):
            if (run / old).exists():
                shutil.rmtree(run / old)
        draft.replace(place)
    except OSError as error:
        raise unwritable("the encoder", run, 0, error) from error
    return replace(begun, end=end, offered=offered, why=why, encoder=place)
