"""Made-up labels for the round trips of the formats: any letters, crowds, attributes, tracks, empty pictures."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from tasks.labels.formats.picture import Picture
from tasks.labels.formats.runs import from_pixels
from tasks.labels.ontology import Ontology
from tasks.labels.values import LabelType, canonical
from tasks.labels.values import classes as classes_in

WIDTH, HEIGHT = 640, 481
"""Pixels of every made-up picture."""

NAMES = ["dog", "Straßenbahn", "小狗 🐕", "=cmd()", "a;b,c", '"q" <&>', "../../up", "..", "100%", "winnow-export.json"]
ATTRIBUTES = ["occluded", "truncated", "pose", "größe"]

words = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=12)
classes = st.sampled_from(NAMES) | words
attributes = st.dictionaries(
    st.sampled_from(ATTRIBUTES), st.just(True) | words.filter(lambda one: one not in ("true", "false")), max_size=3
)


def places(longest: int) -> st.SearchStrategy[tuple[float, float]]:
    """Where a shape begins, and how long it is, in pixels: at least one, and on the picture."""
    begins = st.integers(0, (longest - 1) * 8)
    return begins.flatmap(
        lambda begin: st.tuples(st.just(begin / 8), st.integers(8, longest * 8 - begin).map(lambda one: one / 8))
    )


def shape(
    where: dict[str, Any], name: str, told: dict[str, Any], crowd: bool, track: int | str | None
) -> dict[str, Any]:
    return {"class": name, **where, "attributes": told, "crowd": crowd, "track": track}


boxes = st.builds(lambda x, y: {"x": x[0], "width": x[1], "y": y[0], "height": y[1]}, places(WIDTH), places(HEIGHT))
rings = st.builds(lambda x, y: [x[0], y[0], x[0] + x[1], y[0], x[0] + x[1], y[0] + y[1]], places(WIDTH), places(HEIGHT))


def blot(x: tuple[float, float], y: tuple[float, float]) -> dict[str, Any]:
    found = np.zeros((HEIGHT, WIDTH), np.uint8)
    found[int(y[0]) : int(y[0] + y[1]) + 1, int(x[0]) : int(x[0] + x[1]) + 1] = 1
    return from_pixels(found)


masks = st.lists(rings, min_size=1, max_size=2).map(lambda some: {"polygons": some}) | st.builds(
    blot, places(WIDTH), places(HEIGHT)
).map(lambda runs: {"rle": runs})


def shaped(kind: str, where: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    tracks = st.none() | st.integers(0, 9) | st.just("t 7")
    one = st.builds(shape, where, classes, attributes, st.booleans(), tracks)
    return st.builds(lambda some, about: {kind: some, "attributes": about}, st.lists(one, max_size=4), attributes)


VALUES: dict[LabelType, st.SearchStrategy[dict[str, Any]]] = {
    "class": st.builds(lambda name, about: {"class": name, "attributes": about}, classes, attributes),
    "multilabel": st.builds(
        lambda some, about: {"classes": some, "attributes": about},
        st.lists(classes, min_size=1, max_size=3),
        attributes,
    ),
    "boxes": shaped("boxes", boxes),
    "masks": shaped("masks", masks),
}


def values(kind: LabelType) -> st.SearchStrategy[dict[str, Any]]:
    """Canonical values of a type, answers among them."""
    answers = st.sampled_from([{"answer": "unusable"}, {"answer": "empty"}])
    return (VALUES[kind] | answers).map(lambda value: canonical(kind, value))


def pictures(kind: LabelType, folder: str) -> st.SearchStrategy[list[Picture]]:
    """Pictures in a folder, by names in any letters."""
    names = words.filter(lambda name: not {"/", "\\"} & set(name) and not name.startswith("."))
    some = st.dictionaries(names, values(kind), min_size=1, max_size=4)
    prefix = "" if folder == "." else f"{folder}/"
    return some.map(
        lambda labels: [Picture(f"{prefix}{name}.jpg", value, WIDTH, HEIGHT) for name, value in labels.items()]
    )


def ontology_of(kind: LabelType, made: list[Picture]) -> Ontology:
    """An ontology with every class that the pictures have."""
    used = sorted({name for picture in made for name in classes_in(picture.value or {})} | {"dog"})
    return Ontology.model_validate({"name": "made-up", "type": kind, "classes": used})
