"""What stands beside the graphs of an exported encoder: runtime.json."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from embedstore.types import ImagePreprocess, Space, digest

RUNTIME = "runtime.json"
Runtime = Literal["onnx", "openvino"]
Precision = Literal["fp32", "bf16", "int8"]
TOLERANCE = 0.005  # recall that an export may lose and still answer for its source
LEAST_CAPTIONS, LEAST_PHOTOS = 1000, 200  # below, one query weighs as much as the tolerance


@dataclass(frozen=True)
class Graph:
    """One tower as a file.

    Attributes:
        file: Its name in the folder.
        digest: Hash of its bytes.
        alone: Its scales are those of whatever runs together, so rows must run one by one.
    """

    file: str
    digest: str
    alone: bool = False


@dataclass(frozen=True)
class Evidence:
    """What was measured when the encoder was exported.

    Attributes:
        corpus: Name of the calibration set.
        photos: Pictures in it.
        captions: Captions in it.
        recall: By "text -> image R@1" and so on, of the export.
        reference: The same of the source in float32.
        cosine: Mean cosine between vectors of export and source, by modality.
        images_per_cpu_second: Rate of the export.
        reference_rate: Rate of the source in float32, measured in turns with it.
    """

    corpus: str
    photos: int
    captions: int
    recall: dict[str, float]
    reference: dict[str, float]
    cosine: dict[str, float]
    images_per_cpu_second: float
    reference_rate: float

    @property
    def loss(self) -> float:
        """Give the most that any recall@k fell by; below 0 where all rose."""
        return max(self.reference[name] - self.recall[name] for name in self.reference)

    @property
    def speedup(self) -> float:
        """Give the rate as a multiple of the float32 source's."""
        return self.images_per_cpu_second / self.reference_rate

    @property
    def enough(self) -> bool:
        """Say whether the set is large enough for half a point to mean something."""
        return self.captions >= LEAST_CAPTIONS and self.photos >= LEAST_PHOTOS

    @property
    def keeps(self) -> bool:
        """Say whether the export was shown to keep the recall of its source."""
        return self.enough and self.loss <= TOLERANCE + 1e-9


@dataclass(frozen=True)
class RuntimeFile:
    """Everything that loading an exported encoder needs.

    Attributes:
        runtime: What computes the graphs.
        precision: Of the arithmetic.
        source: The space of the encoder that was exported.
        preprocess: How a picture becomes pixels.
        tokenizer: What reads texts: a tokenizer.json, or open_clip's own.
        context: Tokens that are read of a text.
        image: Pixels `(n, size, size, 3)` of uint8 to unit rows.
        text: Token ids `(n, t)`, 0 where there is no word, to unit rows.
        dropped_text_layers: Layers of the text tower that were pruned away, from 0.
        evidence: What was measured; None where nothing was.
    """

    runtime: Runtime
    precision: Precision
    source: Space
    preprocess: ImagePreprocess
    tokenizer: Literal["wordpiece", "open_clip"]
    context: int
    image: Graph
    text: Graph
    dropped_text_layers: tuple[int, ...] = ()
    evidence: Evidence | None = None

    @property
    def way(self) -> str:
        """Name runtime and precision together."""
        return f"{self.runtime}-{self.precision}"

    def space(self, folder: Path) -> Space:
        """Give the identity of the vectors.

        Other arithmetic makes slightly other vectors. Where recall@k was measured on enough pairs
        and fell by half a point at most, they answer for the source's: the fingerprint is the
        source's, so that the fast encoder can search what the exact one indexed, and the other way
        round. Without that evidence the export is a space of its own, and is refused there.
        """
        source = self.source
        weights = source.weights
        if self.evidence is None or not self.evidence.keeps:
            weights = digest(
                [weights, self.runtime, self.precision, self.image.digest, self.text.digest]
            )
        return Space(str(folder.absolute()), weights, source.preprocessing, source.dim)

    def write(self, folder: Path) -> None:
        """Write as JSON."""
        text = json.dumps(asdict(self), indent=2, ensure_ascii=False)
        (folder / RUNTIME).write_text(text + "\n", "utf-8")

    @classmethod
    def read(cls, folder: Path) -> "RuntimeFile":
        """Read what `write` wrote.

        Raises:
            ValueError: No JSON.
            KeyError: A field is missing.
            TypeError: A field too many, or of another kind.
        """
        fields: dict[str, Any] = json.loads((folder / RUNTIME).read_text("utf-8"))
        look = fields["preprocess"]
        evidence = fields["evidence"]
        return cls(
            **fields
            | {
                "source": Space(**fields["source"]),
                "preprocess": ImagePreprocess(
                    **look | {"mean": tuple(look["mean"]), "std": tuple(look["std"])}
                ),
                "image": Graph(**fields["image"]),
                "text": Graph(**fields["text"]),
                "dropped_text_layers": tuple(fields["dropped_text_layers"]),
                "evidence": None if evidence is None else Evidence(**evidence),
            }
        )
