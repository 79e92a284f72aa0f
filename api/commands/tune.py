"""`embedstore tune`."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from api.output import print_json, print_table
from api.query_file import lines_of
from api.settings import collection_option, json_option, store_options
from api.sizes import size

if TYPE_CHECKING:
    from embedstore.tuning import Tuned

PLOTS = (".png", ".svg", ".pdf")


@click.command()
@click.option(
    "--recall",
    default=0.95,
    show_default=True,
    help="Of the exact neighbours; 1 takes an exact index.",
)
@click.option("-k", default=10, show_default=True, help="Neighbours.")
@click.option(
    "--memory",
    type=size,
    metavar="SIZE",
    help="The index may take, as 500MB or 2GiB, beside its float16 rows, which are a mapped file.  "
    "[default: any]",
)
@click.option(
    "--queries",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What people search for, one query a line.  [default: the collection's captions, else the "
    "queries of the last tuning]",
)
@click.option(
    "--target",
    "modality",
    type=click.Choice(["image", "text"]),
    default="image",
    show_default=True,
    help="Which index.",
)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw recall and queries a second here, as PNG, SVG or PDF.",
)
@store_options
@collection_option
@json_option
def tune(
    recall: float,
    k: int,
    memory: int | None,
    queries: Path | None,
    modality: Any,
    plot: Path | None,
    store: str,
    index_folder: str | None,
    collection: str,
    as_json: bool,
) -> None:
    """Choose the fastest index that finds enough, by measuring with real queries.

    Each kind of index is built and searched with the queries on this machine. The chosen one is
    built, and every later rebuild sees to it that the promise is kept.

    \b
    Example:
      embedstore tune
      embedstore tune --recall 0.99 --memory 2GiB --queries queries.txt --plot tune.png
    """
    import embedstore
    from embedstore.tuning import tune as tuned

    if plot is not None:
        _check_plot(plot)  # building takes longer than anybody waits to hear of a typo
    words = None if queries is None else lines_of(queries)
    with embedstore.open(store, folder=index_folder, must_exist=True) as opened:
        found = tuned(
            opened.collection(collection),
            recall=recall,
            k=k,
            memory_bytes=memory,
            queries=words,
            source=None if queries is None else queries.name,
            modality=modality,
            told=lambda each: click.echo(f"measured {each.spec.kind}", err=True),
        )
    if plot is not None:
        from embedstore.tuning_plot import draw

        draw(found.tuning, plot)
    if as_json:
        print_json(_json(found))
    else:
        _print(found, plot)


def _check_plot(path: Path) -> None:
    if path.suffix.lower() not in PLOTS:
        raise click.UsageError(
            f"--plot {path} ends in none of {', '.join(PLOTS)}; name such a file"
        )
    if not path.absolute().parent.is_dir():
        raise click.UsageError(f"--plot {path}: there is no folder {path.parent}; make it first")


def _json(found: "Tuned") -> dict[str, Any]:
    candidates = [asdict(each) for each in found.tuning.candidates]
    return {"candidates": candidates, "index": dict(found.index)}


def _print(found: "Tuned", plot: Path | None) -> None:
    tuning = found.tuning
    print_table(
        ("index", "parameters", "recall", "at least", "CPU us a query", "memory MB", "build s", ""),
        [
            (
                each.spec.kind,
                _parameters(asdict(each.spec)),
                f"{each.recall:.3f}",
                f"{each.bound:.3f}",
                f"{each.cpu_us:,.0f}",
                f"{each.bytes / 1e6:,.1f}",
                f"{each.build_s:.1f}",
                "chosen" if each == tuning.chosen else "",
            )
            for each in tuning.candidates
        ],
    )
    click.echo(
        f"recall@{tuning.k} against the exact neighbours of {tuning.queries:,} queries "
        f"({found.promise.source}); at least: 95% lower bound on queries that chose nothing, "
        "whatever was tried on them before"
    )
    promise = found.index["promise"]
    told = promise if isinstance(promise, str) else f"finds at least {promise['bound']:.3f} of them"
    click.echo(f"in force: {found.index['kind']}, {told}")
    if plot is not None:
        click.echo(f"drew {plot}")


def _parameters(spec: Mapping[str, Any]) -> str:
    named = ("nlist", "nprobe", "links", "ef", "rerank")
    return " ".join(f"{name} {spec[name]}" for name in named if spec.get(name, 0) > 1)
