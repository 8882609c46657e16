"""Pre-labels: the champion's prediction comes first."""

import pyarrow as pa

from tasks.annotate.send import open_tasks
from tasks.annotate.settings import LabelSettings
from tasks.labels.change import apply_ontology
from tasks.labels.ontology import Ontology
from tasks.labels.values import as_text
from tasks.store.commit import write
from tasks.store.log import Event, record
from tasks.store.schema import PREDICTIONS
from tests.pipeline import opened, select


def test_open_tasks__prelabels_are_the_champions_where_it_predicted(settings) -> None:
    root = opened(settings)
    select(settings)
    ontology = apply_ontology(root, Ontology(name="pets", type="class", classes=["cat", "dog"])).ontology
    asked = [task.sample_id for task in open_tasks(root, ontology, LabelSettings())]
    made = [("m-1", one, "dog") for one in asked] + [("z-2", one, "cat") for one in [*asked, "gone"]][1:]
    rows = [
        {
            "prediction_id": f"{sample} {version}",
            "sample_id": sample,
            "model_version": version,
            "value": as_text({"probabilities": {name: 1.0}}),
        }
        for version, sample, name in made
    ]
    write(root, PREDICTIONS.name, pa.Table.from_pylist(rows, schema=PREDICTIONS.schema))

    def prelabels() -> list[str | None]:
        return [task.model_version for task in open_tasks(root, ontology, LabelSettings())]

    assert prelabels() == ["m-1", "z-2", "z-2"]
    for name in ("planned", "committed"):
        record(root, lambda log, name=name: Event("m-1", name, "train", counts={"ontology": "pets"}))
    assert prelabels() == ["m-1"] * 3
