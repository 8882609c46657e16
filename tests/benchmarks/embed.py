"""The embed stage, from the thumbnail column to committed vectors, against the forward passes of its model alone."""

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from flows.curate import dedupe, embed, ingest
from flows.run import Run
from flows.settings import Settings
from tasks.embed import backbone
from tasks.embed.choose import choose_model, recorded_model, weights_of
from tasks.ingest.plan import plan
from tasks.store import views
from tasks.store.root import Root, open_root
from tests.benchmarks.benchmark import Result, by_turns, seconds_of
from tests.benchmarks.pictures import clothing, shared
from tests.pipeline import settings_for

PHOTOGRAPHS = 320
VIT = "vit_small_patch16_224"
SHARED = ("weights", "mobilenetv2_100_in1k_tv.safetensors")


def measured(place: Path) -> Iterator[Result]:
    """A transformer with random weights, and a small network with real ones."""
    clothing(place / "source", PHOTOGRAPHS)
    yield _against_forward(place, VIT, _random_weights(place / f"{VIT}.safetensors"))
    yield _against_forward(place, "mobilenetv2_100", shared(*SHARED))


def _against_forward(place: Path, architecture: str, checkpoint: Path) -> Result:
    prepared = place / architecture
    options = {"embed__model": architecture, "embed__checkpoint": str(checkpoint)}
    batch = _before_embed(settings_for(place / "source", prepared, **options))
    numbers = itertools.count()

    def stage() -> float:
        root = shutil.copytree(prepared, place / f"{architecture}-{next(numbers)}")
        run = Run(settings_for(place / "source", root, **options), "")
        spent = seconds_of(lambda: embed(run, batch))
        assert run.done(batch, "embed")
        return spent - run.summary.seconds["gate"]

    root = open_root(prepared)
    images = views.query(root, "SELECT count(*) AS n FROM kept")["n"][0].as_py()
    whole, alone = by_turns(stage, lambda: _forward_alone(root, images), rounds=5)
    detail = (
        f"{images / whole:.1f} img/s of {images / alone:.1f}; per image {1e3 * whole / images:.2f} and "
        f"{1e3 * alone / images:.2f} ms, {images} images; the gate is left out"
    )
    return Result(f"embed / forward alone, {architecture}", alone / whole, 0.8, 0.7, detail)


def _before_embed(settings: Settings) -> str:
    """A root that stands before embed, its model chosen and loaded; the batch."""
    root = open_root(settings.root_uri, create=True)
    run = Run(settings, "")
    (batch,) = plan(root, settings.source_uri, settings.ingest, settings.frozen()).batches
    assert ingest(run, batch)
    assert dedupe(run, batch)
    choose_model(settings.root_uri, settings.embed)
    return batch


def _forward_alone(root: Root, images: int) -> float:
    """The same loaded model, in batches of the same size."""
    model = recorded_model(root)
    assert model is not None
    settings = settings_for(Path(), Path()).embed
    loaded = backbone.load(weights_of(model), settings.runtime)
    pixels = np.random.default_rng(0).integers(0, 256, (settings.batch, loaded.side, loaded.side, 3), np.uint8)
    sizes = [min(settings.batch, images - start) for start in range(0, images, settings.batch)]
    return seconds_of(lambda: [loaded.forward(pixels[:size]) for size in sizes])


def _random_weights(place: Path) -> Path:
    import timm
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    save_file(timm.create_model(VIT, pretrained=False).state_dict(), place)
    return place
