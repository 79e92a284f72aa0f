"""What each runtime and precision costs an encoder in recall, and saves in time and bytes."""

import shlex
import tempfile
from pathlib import Path

import click

from benchmarks.report import record
from benchmarks.retrieval import plain
from embedstore import encoders
from embedstore.calibration_set import rates
from embedstore.encoders.exported import load_exported
from embedstore.encoders.runtime_file import Evidence
from embedstore.exporting import WAYS, Export

DEPTHS = (1, 5, 10)


@click.command()
@click.argument("pairs", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--encoder", "name", default="mini", show_default=True)
@click.option("--split", default=None, help="Of a Karpathy json.")
@click.option("--prune-text-layers", "layers", default="0", show_default=True, metavar="N,N,...")
@click.option("--way", "ways", multiple=True, help="Only these, as openvino-int8.")
def command(pairs: Path, name: str, split: str | None, layers: str, ways: tuple[str, ...]) -> None:
    """Export an encoder in every way and measure each on PAIRS.

    Example: python -m benchmarks encoders dataset_flickr8k.json --split val
    """
    rows: list[dict[str, object]] = []
    kept: Evidence | None = None
    whole = encoders.load(name, "cpu")
    for count in (int(each) for each in layers.split(",")):
        with tempfile.TemporaryDirectory() as work:
            made = Export(name, Path(work) / "traced", pairs, split, count)
            for runtime, precision in WAYS:
                way = f"{runtime}-{precision}"
                if ways and way not in ways:
                    continue
                found = made.write(Path(work) / way, runtime, precision)
                kept = found.evidence
                if kept is None:
                    raise RuntimeError(f"{way} was not measured")
                if not rows or rows[-1]["photos"] != kept.photos:
                    rows.append(_reference(kept))
                size = sum(path.stat().st_size for path in (Path(work) / way).iterdir())
                alone = load_exported(Path(work) / way, threads=1)
                texts = rates(alone.encode_texts, whole.encode_texts, made.measured.texts)
                rows.append(_row(way, count, kept, size, texts[0] / texts[1]))
                click.echo(rows[-1])
    if kept is None:
        raise click.UsageError("no --way was met; expected such as openvino-int8")
    asked = f"python -m benchmarks encoders {shlex.quote(pairs.name)} --encoder {name}"
    asked += f" --split {split}" if split else ""
    asked += f" --prune-text-layers {layers}" if layers != "0" else ""
    asked += "".join(f" --way {way}" for way in ways)
    result = {
        "title": f"Exported encoders: {name}" + (", text layers pruned" if layers != "0" else ""),
        "table": rows,
        "notes": [
            f"Photos and captions of {kept.corpus}. Speed: pictures a CPU-second on one thread, "
            "text speed: captions, as multiples of torch in float32 measured in turns with it. "
            "t: text -> image, i: image -> text, R@k in points. Layers to prune are chosen on "
            "half of the photos and measured on the other half: compare with the reference of as "
            "many photos."
        ],
    }
    tail = "-pruned" if layers != "0" else ""
    click.echo(f"wrote {record(f'encoders-{plain(name)}{tail}', result, asked)}")


def _reference(found: Evidence) -> dict[str, object]:
    shares = _shares(found.reference)
    return {"way": "torch fp32", "photos": found.photos, "speed": 1.0, "text speed": 1.0, **shares}


def _row(
    way: str, dropped: int, found: Evidence, size: int, text_speed: float
) -> dict[str, object]:
    pruned = {"text layers out": dropped} if dropped else {}
    return {
        "way": way,
        "photos": found.photos,
        **pruned,
        "pictures/CPU-s": round(found.images_per_cpu_second, 1),
        "speed": round(found.speedup, 2),
        "text speed": round(text_speed, 2),
        **_shares(found.recall),
        "cosine pictures": round(found.cosine["image"], 4),
        "cosine texts": round(found.cosine["text"], 4),
        "MB": round(size / 1e6, 1),
        "keeps": "yes" if found.keeps else "no",
    }


def _shares(recall: dict[str, float]) -> dict[str, str]:
    return {
        f"{way[0]} R@{k}": f"{100 * recall[f'{way} R@{k}']:.1f}"
        for way in ("text -> image", "image -> text")
        for k in DEPTHS
    }
