"""Tasks of a project of Label Studio: read page by page, and brought there once, whatever happens on the way."""

import json
from collections.abc import Iterator
from typing import Any

from tasks.annotate.backend import Task
from tasks.annotate.backends.label_studio_projects import ATTEMPTS, image_url
from tasks.annotate.http import Server, Unsure
from tasks.labels.formats.label_studio_results import as_prediction
from tasks.labels.ontology import Ontology
from tasks.labels.values import BadLabel, classes
from tasks.store.root import Root

Filter = tuple[str, str, str, Any]
"""Column, operator, type and value, as the data manager has them."""

Found = dict[str, Any]

PAGE = 200


def all_tasks(server: Server, project: int, filters: list[Filter]) -> Iterator[Found]:
    """Tasks with their annotations, by id. The next page begins behind the last task, so that deletions hide none."""
    last = 0
    while True:
        items = [
            {"filter": f"filter:tasks:{column}", "operator": operator, "type": kind, "value": value}
            for column, operator, kind, value in (*filters, ("id", "greater", "Number", last))
        ]
        query = json.dumps({"filters": {"conjunction": "and", "items": items}}, separators=(",", ":"))
        asked = {"project": project, "page_size": PAGE, "fields": "all", "resolve_uri": "false", "query": query}
        tasks = server.ask("GET", "/api/tasks", params=asked)["tasks"]
        yield from tasks
        if len(tasks) < PAGE:
            return
        last = tasks[-1]["id"]


class Chunk:
    """Some tasks on their way to a project.

    Attributes:
        predicted: model versions whose predictions were brought there.
    """

    def __init__(
        self, server: Server, root: Root, ontology: Ontology, purpose: str, project: int, tasks: list[Task]
    ) -> None:
        self.predicted: set[str] = set()
        self._server, self._root, self._ontology, self._project = server, root, ontology, project
        self._is_blind, self._tasks = purpose == "blind", tasks

    def push(self) -> int:
        """Import what is missing; how many tasks were there before.

        An import happens whole or not at all, but when the server dies or does not answer in time nobody can tell
        which: then it is looked up.
        """
        there = self._there()
        known, attempts = there, 0
        while missing := [task for task in self._tasks if task.sample_id not in there]:
            try:
                made = [self._task(task) for task in missing]
                self._server.ask("POST", f"/api/projects/{self._project}/import", again=False, json=made)
            except Unsure:
                attempts += 1
                if attempts == ATTEMPTS:
                    raise
            else:
                self.predicted |= {one["model_version"] for task in made for one in task.get("predictions", [])}
                if not attempts:
                    break
            there = self._there()
        for task in self._tasks:
            if task.sample_id in known:
                self._predict_anew(task, known[task.sample_id])
        return len(known)

    def _there(self) -> dict[str, Found]:
        """The task of each sample that has one. Of several, those that nobody worked on go, all but the first."""
        first: dict[str, Found] = {}
        ids = [task.sample_id for task in self._tasks]
        for found in all_tasks(self._server, self._project, [("data.sample_id", "in_list", "String", ids)]):
            sample = found["data"]["sample_id"]
            if sample not in first:
                first[sample] = found
            elif not found["annotations"] and not found["drafts"]:
                self._server.ask("DELETE", f"/api/tasks/{found['id']}/", may_miss=True)
        return first

    def _task(self, task: Task) -> dict[str, Any]:
        told: dict[str, Any] = {"sample_id": task.sample_id, "width": task.width, "height": task.height}
        told["image"] = image_url(self._root, task.image)
        told |= {name: one for name, one in (("package", task.package), ("due", task.due)) if one}
        if self._is_blind:
            return {"data": told}
        told |= {"priority": round(task.priority, 6), "reason": task.reason, "note": task.note}
        return {"data": told, "predictions": self._predictions(task)}

    def _predict_anew(self, task: Task, found: Found) -> None:
        """Give a task that nobody worked on the prediction of a model that it has none of."""
        if found["annotations"] or self._is_blind:
            return
        versions = {one["model_version"] for one in found["predictions"]}
        for prediction in self._predictions(task):
            if prediction["model_version"] not in versions:
                try:
                    self._server.ask("POST", "/api/predictions/", again=False, json={"task": found["id"], **prediction})
                except Unsure:
                    continue  # the next push sees whether it came
                self.predicted.add(prediction["model_version"])

    def _predictions(self, task: Task) -> list[dict[str, Any]]:
        """The pre-label; none if it names what the ontology does not know, or is broken."""
        if task.prediction is None:
            return []
        named = {*classes(task.prediction), *task.prediction.get("probabilities", {})}
        if not named <= set(self._ontology.class_names):
            return []
        try:
            results, score = as_prediction(task.prediction, (task.width, task.height), self._ontology.type)
        except BadLabel:
            return []
        return [{"model_version": task.model_version or "unknown", "score": score, "result": results}]
