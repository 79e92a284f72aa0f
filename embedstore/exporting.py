"""An encoder as graphs for a fast runtime, with what that costs in recall measured beside it."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import xxhash

from embedstore import encoders
from embedstore.calibration_set import calibration_set, cosine, rates
from embedstore.encoders.exported import load_exported
from embedstore.encoders.runtime_file import Evidence, Graph, Precision, Runtime, RuntimeFile
from embedstore.encoders.runtimes import extra
from embedstore.errors import Conflict, Invalid, StorageFull

WAYS: tuple[tuple[Runtime, Precision], ...] = (
    ("onnx", "fp32"),
    ("onnx", "int8"),
    ("openvino", "fp32"),
    ("openvino", "bf16"),
    ("openvino", "int8"),
)
_EXAMPLES = 128  # pictures that fix the scales of 8 bits


class Export:
    """An encoder, traced once, to be written for any runtime.

    Attributes:
        source: The encoder, in float32 on the CPU.
        measured: What exports are measured on.
        dropped: Text layers that were pruned away.
    """

    def __init__(
        self,
        name: str,
        work: Path,
        calibration: Path | None = None,
        split: str | None = None,
        prune_text_layers: int = 0,
    ) -> None:
        """Load and trace an encoder.

        Args:
            name: What `encoders.load` takes.
            work: An empty or new folder for the traced graphs.
            calibration: Photos with captions; None takes the sample gallery, which is too small
                to show that recall is kept.
            split: Of a Karpathy json.
            prune_text_layers: Layers to take out of the text tower; they are chosen on the first
                half of the calibration set, and all is measured on the second.

        Raises:
            Invalid: The encoder cannot be exported, or the calibration set is of no use.
            MissingExtra: The exporter's packages are not installed.
        """
        from embedstore.encoders.pruning import prune_text_layers as prune
        from embedstore.encoders.tracing import trace, traceable

        self.source = traceable(encoders.load(name, "cpu"))
        whole = calibration_set(calibration, self.source.preprocess, split)
        fitted, self.measured = whole.parted(0.5) if prune_text_layers else (whole, whole)
        self.examples = fitted.pictures[:: max(1, len(fitted.pictures) // _EXAMPLES)][:_EXAMPLES]
        self.exact = self.measured.vectors(self.source)
        self.dropped: tuple[int, ...] = ()
        if prune_text_layers:
            self.dropped = prune(self.source, prune_text_layers, fitted.texts)
        work.mkdir(parents=True, exist_ok=True)
        self._work = work
        self._traced = trace(self.source, work)

    def write(self, folder: Path, runtime: Runtime, precision: Precision) -> RuntimeFile:
        """Write an encoder folder for one runtime, and measure it.

        Args:
            folder: Made here; whole or not there.
            runtime: What will compute it.
            precision: Of its arithmetic.

        Returns:
            What stands in its runtime.json.

        Raises:
            Invalid: The runtime has no such precision.
            MissingExtra: The runtime is not installed.
            Conflict: The folder holds something.
            StorageFull: It cannot be written.
        """
        _check(runtime, precision)
        with _whole(folder) as making:
            shutil.copytree(self._work, making, dirs_exist_ok=True)
            made = RuntimeFile(
                runtime,
                precision,
                self.source.space,
                self.source.preprocess,
                self._traced.tokenizer,
                self._traced.context,
                self._graph(making / "image.onnx", runtime, precision),
                self._graph(making / "text.onnx", runtime, precision),
                self.dropped,
            )
            made.write(making)
            made = replace(made, evidence=self._measure(making))
            made.write(making)
        return made

    def _graph(self, path: Path, runtime: Runtime, precision: Precision) -> Graph:
        from embedstore.encoders.quantising import quantise

        alone = precision == "int8" and quantise(path, runtime, self.examples)
        return Graph(path.name, xxhash.xxh3_128_hexdigest(path.read_bytes()), alone)

    def _measure(self, folder: Path) -> Evidence:
        fast = encoders.load(str(folder), "cpu")
        found = self.measured.vectors(fast)
        alone = load_exported(folder, threads=1)
        rate, reference = rates(
            alone.encode_images, self.source.encode_images, self.measured.pictures
        )
        names = ("image", "text")
        return Evidence(
            self.measured.name,
            len(self.measured.images),
            len(self.measured.texts),
            self.measured.recall(*found),
            self.measured.recall(*self.exact),
            {
                name: cosine(exact, own)
                for name, exact, own in zip(names, self.exact, found, strict=True)
            },
            rate,
            reference,
        )


def export_encoder(
    name: str,
    out: Path,
    runtime: Runtime,
    precision: Precision,
    calibration: Path | None = None,
    split: str | None = None,
    prune_text_layers: int = 0,
) -> RuntimeFile:
    """Write an encoder for a fast runtime, and measure what it keeps; see `Export`."""
    _check(runtime, precision)  # before anything that takes a while
    with tempfile.TemporaryDirectory() as work:
        made = Export(name, Path(work), calibration, split, prune_text_layers)
        return made.write(out, runtime, precision)


def trials(
    name: str, folder: Path, calibration: Path | None = None, split: str | None = None
) -> Iterator[RuntimeFile]:
    """Export an encoder in every way that this machine has a runtime for.

    Args:
        name: What `encoders.load` takes.
        folder: Receives a folder for each way, called as onnx-int8.
        calibration: Photos with captions.
        split: Of a Karpathy json.

    Yields:
        What was measured of each, as soon as it is.

    Raises:
        MissingExtra: The exporter's packages are not installed.
    """
    from embedstore.encoders.runtimes import installed

    with tempfile.TemporaryDirectory() as work:
        made = Export(name, Path(work), calibration, split)
        for runtime, precision in WAYS:
            if installed(runtime):
                yield made.write(folder / f"{runtime}-{precision}", runtime, precision)


def fastest(tried: list[RuntimeFile]) -> RuntimeFile | None:
    """Pick the fastest that was shown to keep recall; None where none did, or none was faster."""
    fit = [each for each in tried if each.evidence and each.evidence.keeps]
    best = max(fit, key=lambda each: each.evidence.speedup if each.evidence else 0.0, default=None)
    return best if best and best.evidence and best.evidence.speedup > 1 else None


def _check(runtime: Runtime, precision: Precision) -> None:
    if (runtime, precision) not in WAYS:
        raise Invalid(
            f"{runtime} does not compute {precision} on a CPU; expected --runtime openvino, "
            "or --precision fp32 or int8"
        )
    for package in ("onnx", "onnxscript", "onnxruntime" if runtime == "onnx" else "openvino"):
        extra(package, runtime)


@contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """Make a folder that is there whole or not at all."""
    folder = folder.expanduser().absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Conflict(f"{folder} is there already; expected a new folder; name another with --out")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        making = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise StorageFull(
            f"cannot write beside {folder} ({error.strerror}); choose another place with --out"
        ) from error
    try:
        yield making
        making.chmod(0o755)
        making.replace(folder)
    except OSError as error:
        raise StorageFull(
            f"cannot write {folder} ({error.strerror}); make room or choose another place"
        ) from error
    finally:
        shutil.rmtree(making, ignore_errors=True)
