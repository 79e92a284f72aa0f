"""`embedstore export-encoder`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from api.output import print_json, print_table
from api.settings import calibration_options, json_option

if TYPE_CHECKING:
    from embedstore.encoders.runtime_file import Evidence, Precision, Runtime


@click.command("export-encoder")
@click.argument("encoder")
@click.option(
    "--runtime", type=click.Choice(("onnx", "openvino")), default="openvino", show_default=True
)
@click.option(
    "--precision", type=click.Choice(("fp32", "bf16", "int8")), default="int8", show_default=True
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="New folder for the encoder.",
)
@calibration_options
@click.option(
    "--prune-text-layers",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Take the N text layers out that matter least.",
)
@json_option
def export_encoder(
    encoder: str,
    runtime: "Runtime",
    precision: "Precision",
    out: Path,
    calibration: Path | None,
    split: str | None,
    prune_text_layers: int,
    as_json: bool,
) -> None:
    """Write ENCODER for a fast runtime on the CPU, and measure what it keeps.

    The folder is an encoder: `--encoder FOLDER`. Where recall@k fell by half a point at most on at
    least 1,000 captions, it may also search and fill collections of ENCODER itself.

    \b
    Example:
      embedstore export-encoder mini --runtime openvino --precision int8 --out fast-mini \\
        --calibration captions.jsonl
    """
    from embedstore.exporting import export_encoder as written

    made = written(encoder, out, runtime, precision, calibration, split, prune_text_layers)
    evidence = made.evidence
    space = made.space(out.expanduser())
    same = space.fingerprint == made.source.fingerprint
    if as_json:
        from dataclasses import asdict

        print_json(
            {"folder": str(out), "fingerprint": space.fingerprint, "same_space": same}
            | asdict(made)
        )
        return
    if evidence is not None:
        _print(evidence)
    click.echo(f"wrote {out}: use it with --encoder {out}")
    click.echo(_said(same, encoder, evidence))


def _print(evidence: "Evidence") -> None:
    rows = [
        (name, f"{was:.3f}", f"{evidence.recall[name]:.3f}")
        for name, was in evidence.reference.items()
    ]
    rate, was = evidence.images_per_cpu_second, evidence.reference_rate
    rows.append(("images a CPU-second", f"{was:.0f}", f"{rate:.0f}"))
    print_table((f"{evidence.photos} photos of {evidence.corpus}", "float32", "exported"), rows)


def _said(same: bool, encoder: str, evidence: "Evidence | None") -> str:
    if same:
        return f"it keeps recall, and so works on collections of {encoder} as they are"
    if evidence is None or not evidence.enough:
        return (
            "too few captions to show that it keeps recall, so it is a space of its own; measure "
            "on 1,000 or more with --calibration"
        )
    return (
        f"recall fell by {100 * evidence.loss:.1f} points, so it is a space of its own; another "
        "--precision loses less"
    )
