"""A selection_config of LightlyOne (SelectionConfigV4) as settings of select: each of its parts, or a plain refusal."""

import re
from typing import Any

from tasks.store.errors import UsageError

Stated = dict[str, Any]

SCORES = {
    "uncertainty_least_confidence": "predictions.least_confidence",
    "uncertainty_margin": "predictions.margin",
    "uncertainty_entropy": "predictions.entropy",
    "object_frequency": "predictions.object_frequency",
    "objectness_least_confidence": "predictions.objectness_least_confidence",
}
METADATA = {"lightly.sharpness": "sharpness", "lightly.luminance": "brightness"}
"""Lightly's own figures of pictures that have a counterpart here, though on another scale."""


def from_lightly(config: Any) -> Stated:
    """Settings of select that ask for what the configuration asks for.

    Args:
        config: with `strategies` and `n_samples` or `proportion_samples`; or what has it under `selection_config`.
            Names may be written in camel case, as Lightly's API has them. What a similarity is to is looked for here,
            by its tag: the `dataset_id` beside it is left out.

    Raises:
        UsageError: it is no such configuration, or something in it has no counterpart.
    """
    stated = _snake_case(config)
    stated = stated.get("selection_config", stated) if isinstance(stated, dict) else stated
    if not isinstance(stated, dict) or not isinstance(stated.get("strategies"), list) or not stated["strategies"]:
        raise UsageError("The Lightly configuration has no list of `strategies`.")
    _refuse_others(stated, {"n_samples", "proportion_samples", "strategies"}, "selection_config")
    tasks = {one["input"]["task"] for one in stated["strategies"] if _has_task(one)}
    if len(tasks) > 1:
        raise _refusal(f"predictions of several tasks ({', '.join(sorted(map(str, tasks)))})")
    strategies = _all_of(stated["strategies"])
    if all("threshold" in one for one in strategies):
        strategies.append({"random": {}})
    return {"budget": _budget(stated), "strategies": strategies}


def _all_of(entries: list[Any]) -> list[Stated]:
    """Every strategy; what has no counterpart is named, all of it. Raises UsageError."""
    found, refused = [], []
    for entry in entries:
        try:
            found.append(_strategy(entry))
        except UsageError as error:
            refused.append(str(error))
    if refused:
        raise UsageError(" ".join(dict.fromkeys(refused)))
    return found


def _budget(stated: Stated) -> int | str:
    count, share = stated.get("n_samples"), stated.get("proportion_samples")
    if count is not None and share is not None:
        raise UsageError("The Lightly configuration has both n_samples and proportion_samples; it can have one.")
    if isinstance(share, int | float) and 0 < share <= 1:
        return f"{100 * share:g}%"
    if share is None and (count is None or (isinstance(count, int) and (count > 0 or count == -1))):
        return -1 if count is None else int(count)
    raise UsageError(f"The Lightly configuration asks for {count if share is None else share!r} samples.")


def _strategy(entry: Any) -> Stated:
    if not isinstance(entry, dict) or not all(isinstance(entry.get(part), dict) for part in ("input", "strategy")):
        raise UsageError("A strategy of the Lightly configuration needs an `input` and a `strategy`.")
    _refuse_others(entry, {"input", "strategy"}, "a strategy")
    told, asked = (_without_nulls(entry[part]) for part in ("input", "strategy"))
    kind = str(asked.pop("type", None))
    made = _STRATEGIES.get((str(told.get("type")), kind))
    if made is None:
        raise _refusal(f"strategy {kind} for input {told.get('type')}")
    known = {"type", *_INPUTS[told["type"]], *(("dataset_id", "tag_name") if kind == "SIMILARITY" else ())}
    _refuse_others(told, known, f"input {told['type']}")
    found: Stated = made(told, asked)
    return found


def _diversity(told: Stated, asked: Stated) -> Stated:
    return {"diversity": {**_of(told), **_renamed(asked, {"stopping_condition_minimum_distance": "min_distance"})}}


def _typicality(told: Stated, asked: Stated) -> Stated:
    names = {
        "num_nearest_neighbors": "num_nearest_neighbors",
        "stopping_condition_minimum_typicality": "min_typicality",
    }
    return {"typicality": {**_of(told), **_renamed(asked, names)}}


def _similarity(told: Stated, asked: Stated) -> Stated:
    if "tag_name" not in told:
        raise _refusal("SIMILARITY without a tag_name")
    return {"similarity": {"tag": told["tag_name"], **_of(told), **_renamed(asked, {})}}


def _of(told: Stated) -> Stated:
    """Embeddings of a task are those of what its boxes cut out."""
    return {"of": "crops"} if told.get("task") else {}


def _weights(told: Stated, asked: Stated) -> Stated:
    names = {"stopping_condition_max_sum": "max_sum", "target_range": "target_range"}
    renamed = _renamed(asked, names)
    if set(renamed) - {"strength"}:
        _refuse_scale(told, "a target_range or max_sum")
    if told["type"] == "RANDOM" and not set(renamed) - {"strength"}:
        return {"random": {**({"seed": told["random_seed"]} if "random_seed" in told else {}), **renamed}}
    return {"weights": {**_column(told), **renamed}}


def _threshold(told: Stated, asked: Stated) -> Stated:
    operation = str(asked.get("operation"))
    if operation not in _OPERATIONS or "threshold" not in asked:
        raise _refusal(f"THRESHOLD with operation {operation}")
    _refuse_others(asked, {"threshold", "operation"}, "THRESHOLD")
    _refuse_scale(told, "a THRESHOLD")
    return {"threshold": {**_column(told), operation.lower(): asked["threshold"]}}


def _balance(told: Stated, asked: Stated) -> Stated:
    if told["type"] == "PREDICTIONS" and (told.get("name", "CLASS_DISTRIBUTION"), told.get("categories")) != (
        "CLASS_DISTRIBUTION",
        None,
    ):
        raise _refusal(f"BALANCE of {told.get('name')} or of certain categories only")
    renamed = _renamed(asked, {"distribution": "distribution", "target": "target"})
    if "distribution" in renamed:
        renamed["distribution"] = str(renamed["distribution"]).lower()
    column = "predictions.class" if told["type"] == "PREDICTIONS" else _column(told)["column"]
    return {"balance": {"column": column, **renamed}}


def _column(told: Stated) -> Stated:
    if told["type"] == "RANDOM":
        if told.get("random_seed"):
            raise _refusal("a random_seed with a THRESHOLD, a target_range or a max_sum")
        return {"column": "random"}
    if told["type"] == "SCORES":
        if told.get("score") not in SCORES:
            raise _refusal(f"score {told.get('score')}")
        return {"column": SCORES[told["score"]]}
    if told["type"] == "PREDICTIONS":
        if told.get("name") != "CATEGORY_COUNT":
            raise _refusal(f"WEIGHTS or THRESHOLD of predictions named {told.get('name')}")
        return {"column": "predictions.object_count", "categories": told.get("categories", [])}
    key = str(told.get("key"))
    if key.startswith("lightly.") and key not in METADATA:
        raise _refusal(f"metadata {key}")
    return {"column": METADATA.get(key, f"metadata.{key}")}


_OPERATIONS = ("SMALLER", "SMALLER_EQUAL", "BIGGER", "BIGGER_EQUAL")
_INPUTS = {
    "EMBEDDINGS": {"task"},
    "SCORES": {"task", "score"},
    "METADATA": {"key"},
    "PREDICTIONS": {"task", "name", "categories"},
    "RANDOM": {"random_seed"},
}
_STRATEGIES = {
    ("EMBEDDINGS", "DIVERSITY"): _diversity,
    ("EMBEDDINGS", "TYPICALITY"): _typicality,
    ("EMBEDDINGS", "SIMILARITY"): _similarity,
    **{(kind, "WEIGHTS"): _weights for kind in ("SCORES", "METADATA", "PREDICTIONS", "RANDOM")},
    **{(kind, "THRESHOLD"): _threshold for kind in ("SCORES", "METADATA", "PREDICTIONS", "RANDOM")},
    **{(kind, "BALANCE"): _balance for kind in ("METADATA", "PREDICTIONS")},
}


def _renamed(asked: Stated, names: dict[str, str]) -> Stated:
    _refuse_others(asked, {*names, "strength"}, "a strategy")
    return {names.get(name, name): value for name, value in asked.items()}


def _refuse_others(stated: Stated, known: set[str], where: str) -> None:
    others = sorted(name for name, value in stated.items() if name not in known and value is not None)
    if others:
        raise _refusal(f"{', '.join(others)} of {where}")


def _refuse_scale(told: Stated, what: str) -> None:
    if told.get("key") in METADATA:
        raise _refusal(f"{what} of {told['key']}, which is on another scale here")


def _refusal(what: str) -> UsageError:
    return UsageError(f"The Lightly configuration asks for what has no counterpart here: {what}.")


def _without_nulls(stated: Stated) -> Stated:
    return {name: value for name, value in stated.items() if value is not None}


def _has_task(entry: Any) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("input"), dict) and bool(entry["input"].get("task"))


def _snake_case(value: Any, inside: str = "") -> Any:
    """Names of settings in snake case; names of classes, under `target`, as they are."""
    if isinstance(value, list):
        return [_snake_case(one) for one in value]
    if not isinstance(value, dict) or inside == "target":
        return value
    named = {re.sub(r"(?<=[a-z])(?=[A-Z])", "_", str(name)).lower(): part for name, part in value.items()}
    return {name: _snake_case(part, name) for name, part in named.items()}
