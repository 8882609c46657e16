"""A dataset folder of FiftyOne: `fo.Dataset.from_dir(DIR, dataset_type=fo.types.FiftyOneDataset)` opens it."""

import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from tasks.export.fiftyone_labels import label_document, label_field
from tasks.export.labels import Labels

FORMAT_VERSION = "1.0.0"
"""Of the dataset document; every later FiftyOne migrates it when it is opened."""

_FIELDS = "fiftyone.core.fields."
_OWN = {
    "id": ("ObjectIdField", "_id"),
    "filepath": ("StringField", "filepath"),
    "tags": ("ListField", "tags"),
    "metadata": ("EmbeddedDocumentField", "metadata"),
    "_media_type": ("StringField", "_media_type"),
    "_rand": ("FloatField", "_rand"),
    "_dataset_id": ("ObjectIdField", "_dataset_id"),
    "created_at": ("DateTimeField", "created_at"),
    "last_modified_at": ("DateTimeField", "last_modified_at"),
}
"""Fields that FiftyOne gives every image, with their names in its database."""

_RENAMED = {"metadata": "source_metadata", "created_at": "selected_at"}
"""Columns of ours whose names FiftyOne needs for itself."""


def dataset_document(name: str, columns: pa.Schema, labels: Sequence[Labels]) -> bytes:
    """`metadata.json`: the fields, with FiftyOne's own types."""
    fields = [_field(own, kind, place) for own, (kind, place) in _OWN.items()]
    fields += [_field(_own_name(column.name), _kind(column.type)) for column in columns if column.name != "tags"]
    fields += [label_field(_label_name(one), one.ontology.type) for one in labels]
    document = {
        "version": FORMAT_VERSION,
        "name": name,
        "media_type": "image",
        "sample_fields": fields,
        "info": {"made_by": "Winnow"},
    }
    return json.dumps(document).encode()


def samples_document(rows: list[dict[str, Any]], labels: Sequence[Labels]) -> bytes:
    """`samples.json`: one document a sample, the same for the same rows.

    Args:
        rows: columns of `chosen_samples`, with `file` (below the folder), `file_width` and `file_height`.
        labels: of these samples; answers that are no label become tags.
    """
    return json.dumps({"samples": [_sample(row, labels) for row in rows]}).encode()


def _sample(row: dict[str, Any], labels: Sequence[Labels]) -> dict[str, Any]:
    short = row["sample_id"][:24]
    values = {
        _own_name(name): _value(value)
        for name, value in row.items()
        if name not in ("tags", "file", "file_width", "file_height")
    }
    said = {_label_name(one): one for one in labels if row["sample_id"] in one.values}
    told = {name: one.values[row["sample_id"]] for name, one in said.items()}
    size = row["width"], row["height"]
    for name, value in told.items():
        values[name] = label_document(value, said[name].ontology.type, size, f"{row['sample_id']}-{name}")
    answers = {value["answer"] for value in told.values() if "answer" in value}
    return values | {
        "_id": {"$oid": short},
        "_media_type": "image",
        "_rand": int(short[:13], 16) / 16**13,
        "filepath": row["file"],
        "tags": [*(row["tags"] or []), *sorted(answers)],
        "metadata": {
            "_cls": "ImageMetadata",
            "mime_type": "image/jpeg",
            "width": row["file_width"],
            "height": row["file_height"],
            "num_channels": 3,
        },
    }


def _value(value: Any) -> Any:
    return {"$date": value.isoformat(timespec="milliseconds")} if isinstance(value, datetime) else value


def _label_name(labels: Labels) -> str:
    return f"label_{re.sub(r'[^A-Za-z0-9]', '_', labels.ontology.name)}"


def _own_name(column: str) -> str:
    return _RENAMED.get(column, column)


def _kind(type_: pa.DataType) -> str:
    if pa.types.is_timestamp(type_):
        return "DateTimeField"
    if pa.types.is_boolean(type_):
        return "BooleanField"
    if pa.types.is_integer(type_):
        return "IntField"
    return "FloatField" if pa.types.is_floating(type_) else "StringField"


def _field(name: str, kind: str, place: str | None = None) -> dict[str, Any]:
    return {
        "name": name,
        "ftype": _FIELDS + kind,
        "embedded_doc_type": "fiftyone.core.metadata.ImageMetadata" if kind == "EmbeddedDocumentField" else None,
        "subfield": f"{_FIELDS}StringField" if kind == "ListField" else None,
        "fields": [],
        "db_field": place or name,
    }
