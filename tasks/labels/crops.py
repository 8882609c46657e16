"""Crops: what boxes and masks cut out of samples: those of labels, else those that a model predicts."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, floor
from typing import Any

from tasks.labels.values import Value, as_value, bounds, shapes
from tasks.store.ids import make_id

STAGE = "crops"
"""The stage of batches in which they are embedded."""


@dataclass(frozen=True)
class Crop:
    """One crop: of which sample, and where, in whole pixels of the upright original."""

    sample_id: str
    left: int
    top: int
    right: int
    bottom: int

    @property
    def crop_id(self) -> str:
        """Its id: of what is cut out, never of who drew the box."""
        return make_id(self.sample_id, self.left, self.top, self.right, self.bottom)


def read_crops(connection: Any, model: str, least_score: float) -> dict[str, list[Crop]]:
    """The crops of every sample that is kept, selected or labelled and has any, in the order of their ids.

    The newest label with boxes or masks counts; without one, what the model predicts.

    Args:
        connection: has the views, see tasks/store/views.py.
        model: version of the model whose predictions count.
        least_score: what is predicted with a lower score is none, 0 to 1.
    """
    found = {}
    for sample_id, width, height, value in connection.execute(_SHAPES, [model]).fetchall():
        crops = crops_of(sample_id, as_value(value), width, height, least_score)
        if crops:
            found[sample_id] = crops
    return found


def crops_of(sample_id: str, value: Value, width: int, height: int, least_score: float) -> list[Crop]:
    """What the shapes of a label or prediction cut out of a picture of that size; what lies outside of it, does not."""
    wanted = (bounds(shape) for shape in shapes(value) if shape.get("score", 1.0) >= least_score)
    crops = (_inside(sample_id, edges, width, height) for edges in wanted)
    return list(dict.fromkeys(crop for crop in crops if crop.left < crop.right and crop.top < crop.bottom))


def _inside(sample_id: str, edges: Iterable[float], width: int, height: int) -> Crop:
    left, top, right, bottom = edges
    return Crop(sample_id, max(0, floor(left)), max(0, floor(top)), min(width, ceil(right)), min(height, ceil(bottom)))


_SHAPES = """
    SELECT s.sample_id, s.width, s.height, coalesce(l.value, p.value) AS value FROM samples s
    LEFT JOIN (SELECT sample_id, value FROM labels WHERE label_type IN ('boxes', 'masks') QUALIFY row_number() OVER (
                   PARTITION BY sample_id ORDER BY created_at DESC NULLS LAST, annotation_id) = 1) l
    ON l.sample_id = s.sample_id
    LEFT JOIN (SELECT sample_id, value FROM predictions WHERE model_version = ?) p ON p.sample_id = s.sample_id
    WHERE coalesce(l.value, p.value) IS NOT NULL AND s.sample_id IN (
        SELECT sample_id FROM kept UNION SELECT sample_id FROM selections UNION SELECT sample_id FROM labels)
    ORDER BY s.sample_id"""
