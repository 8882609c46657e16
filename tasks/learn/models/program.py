"""A program of the user's own: its words, the pictures that it is given, and the predictions that it writes.

The program writes one JSON object a line: {"sample_id": ..., "probabilities": {class: p}}, or {"sample_id": ...,
"boxes": [{class, x, y, width, height, score}]} in pixels of the picture that it was given.
"""

import json
import shlex
import string
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.image.seen import MAX_CPU_S
from tasks.labels.values import BadLabel, LabelType, Value, canonical_prediction, shapes
from tasks.learn.fit.settings import Source
from tasks.learn.models.file import ModelConfig
from tasks.store import tables
from tasks.store.errors import UsageError, WinnowError
from tasks.store.root import Root
from tasks.store.storage import to_uri

QUALITY = 95
"""JPEG quality of what is made of originals."""

SAID = 400
"""Letters of what a failed program said that are told."""

Sizes = dict[str, dict[str, int]]


@dataclass(frozen=True)
class Program:
    """A program and its arguments.

    Attributes:
        setting: that names it.
        words: as no shell would see them, with names in braces for the places that it is told.
        places: these names.
    """

    setting: str
    words: list[str]
    places: frozenset[str]


@dataclass(frozen=True)
class Asked:
    """What a program is to predict.

    Attributes:
        label_type: class, multilabel or boxes.
        classes: that there are.
        sizes: by sample, `width` and `height` of the original, `file_width` and `file_height` of the picture.
    """

    label_type: LabelType
    classes: Sequence[str]
    sizes: Sizes


def trainer(command: str) -> Program:
    """The program of `learn.command`. Raises UsageError if that is none."""
    return _program("learn.command", command, "snapshot", "predictions")


def predictor(command: str) -> Program:
    """The program of `learn.predict_command`. Raises UsageError if that is none."""
    return _program("learn.predict_command", command, "images", "predictions")


def can_be_asked(config: ModelConfig, command: str | None) -> bool:
    """Whether the program of `learn.predict_command` is named, and has what it reads of a model. Raises UsageError."""
    return bool(command) and (bool(config.files) or "model" not in predictor(str(command)).places)


def write_pictures(root: Root, samples: Sequence[str], folder: Path, source: Source) -> Sizes:
    """Write `<sample_id>.jpg` of the samples that are there, upright; their sizes, in the order of `samples`.

    Of originals in full size; those that are gone or changed, and all others if so asked, as thumbnails.
    """
    from tasks.image.upright import write_upright

    folder.mkdir(parents=True)
    table = tables.open_table(root, "samples")
    rows = tables.lookup(table, "sample_id", samples, ["uri", "media", "width", "height"])
    sizes: Sizes = {}
    quality = QUALITY if source == "original" else None
    for part in write_upright(root, to_uri(folder), rows, quality=quality, max_cpu_s=MAX_CPU_S):
        sizes |= {row["sample_id"]: row for row in part}
    return sizes


def run(program: Program, **places: Path) -> None:
    """Run it, and wait.

    Raises:
        UsageError: there is no such program.
        WinnowError: it failed.
    """
    command = [word.format(**{name: str(place) for name, place in places.items()}) for word in program.words]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except OSError as error:
        raise UsageError(f"{program.setting}: {command[0]} cannot be run ({error.strerror}).") from error
    if done.returncode:
        said = " ".join(done.stderr.decode("utf-8", "replace").split())[-SAID:]
        raise WinnowError(f"{program.setting}: {command[0]} failed with exit code {done.returncode}: {said}")


def read_predictions(program: Program, path: Path, asked: Asked) -> dict[str, Value]:
    """What it wrote, by sample, boxes in pixels of the original.

    Raises:
        UsageError: a line is no prediction of what was asked, or some are missing.
    """
    values: dict[str, Value] = {}
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    sample_id, value = _prediction(program, line, number, asked)
                    values[sample_id] = value
    except (OSError, UnicodeDecodeError) as error:
        why = type(error).__name__
        raise UsageError(f"{program.setting} wrote no predictions that can be read ({why}).") from error
    missing = asked.sizes.keys() - values
    if missing:
        raise UsageError(
            f"{program.setting} predicted {len(values)} of {len(asked.sizes)} samples; {min(missing)} is missing."
        )
    return {one: values[one] for one in asked.sizes}


def scaled(box: Value, factor: float) -> dict[str, float]:
    """Left, top, width and height of a box in the same picture, larger by a factor."""
    return {name: box[name] * factor for name in ("x", "y", "width", "height")}


def _program(setting: str, command: str, *needed: str) -> Program:
    listed = " and ".join(f"{{{name}}}" for name in needed)
    try:
        words = shlex.split(command)
        for word in words:
            word.format(**dict.fromkeys((*needed, "model"), ""))
        named = {name for word in words for _, name, _, _ in string.Formatter().parse(word) if name is not None}
    except (ValueError, LookupError, AttributeError) as error:
        raise UsageError(
            f"{setting} cannot be read ({error}); it is a program and its arguments, with {listed} and, if you like, "
            "{model} among them."
        ) from error
    if not named.issuperset(needed):
        raise UsageError(f"{setting} has to say where {listed} go among its arguments.")
    return Program(setting, words, frozenset(named))


def _prediction(program: Program, line: str, number: int, asked: Asked) -> tuple[str, Value]:
    key = "boxes" if asked.label_type == "boxes" else "probabilities"
    try:
        row = json.loads(line)
        sample_id, value = row["sample_id"], canonical_prediction({key: row[key]})
        if sample_id not in asked.sizes:
            raise BadLabel(f"{sample_id!r} is none of the samples that it was given")
        named = [box["class"] for box in shapes(value)] if key == "boxes" else list(value[key])
        strangers = sorted(set(named) - set(asked.classes))
        if strangers:
            raise BadLabel(f"{strangers[0]!r} is none of the classes")
    except (ValueError, KeyError, TypeError, RecursionError, BadLabel) as error:
        raise UsageError(f"{program.setting}: line {number} of its predictions is none ({error}).") from error
    if key == "probabilities":
        return sample_id, {key: {name: value[key].get(name, 0.0) for name in asked.classes}}
    size = asked.sizes[sample_id]
    factor = size["width"] / size["file_width"]
    return sample_id, {"boxes": [{**box, **scaled(box, factor)} for box in shapes(value)]}
