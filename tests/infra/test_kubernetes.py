"""The cluster's values: the job that a run becomes is one that Kubernetes takes."""

import json
import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from deployments.programs import POOL

INFRA = Path(__file__).parents[2] / "infra"


def job(**given: Any) -> dict[str, Any]:
    """The job of a run, its placeholders filled as the worker does: one that is a whole value takes any type."""
    template = json.loads((INFRA / "job.json").read_text())
    values = {name: one.get("default") for name, one in template["variables"]["properties"].items()} | given
    values["env"] = [{"name": name, "value": value} for name, value in values["env"].items()]
    values["command"] = values["command"].split()

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: filled(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [filled(inner) for inner in value]
        if isinstance(value, str) and (whole := re.fullmatch(r"\{\{ (\w+) \}\}", value)):
            return values[whole[1]]
        if isinstance(value, str):
            return re.sub(r"\{\{ (\w+) \}\}", lambda found: str(values[found[1]]), value)
        return value

    made: dict[str, Any] = filled(template["job_configuration"]["job_manifest"])
    return made


@pytest.mark.parametrize("version", ["1.31", "1.37"])
def test_job__is_one_that_kubernetes_takes(version: str) -> None:
    given = {"gpus": "1", "env": {"A": "b"}, "node_selector": {"nvidia.com/gpu.present": "true"}}
    made = job(command="prefect flow-run execute", **given)
    kubernetes_validate.validate(made, version, strict=True)
    container = made["spec"]["template"]["spec"]["containers"][0]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert made["spec"]["template"]["spec"]["securityContext"]["runAsNonRoot"] is True


def test_job__with_a_misspelt_key_would_be_refused() -> None:
    made = job(command="prefect flow-run execute")
    made["spec"]["template"]["spec"]["serviceAcountName"] = "winnow-run"
    with pytest.raises(kubernetes_validate.ValidationError, match="serviceAcountName"):
        kubernetes_validate.validate(made, "1.37", strict=True)


def test_job__every_variable_is_used_and_every_placeholder_known() -> None:
    template = json.loads((INFRA / "job.json").read_text())
    asked = set(re.findall(r"\{\{ (\w+) \}\}", json.dumps(template["job_configuration"])))
    assert asked == set(template["variables"]["properties"])


def test_listener__is_a_container_that_kubernetes_takes() -> None:
    worker = yaml.safe_load((INFRA / "worker.yaml").read_text())["worker"]
    scratch = {"name": "scratch", "emptyDir": {}}  # of the chart
    spec = {"containers": worker["extraContainers"], "volumes": [*worker["extraVolumes"], scratch]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "listener"}, "spec": spec}
    kubernetes_validate.validate(pod, "1.37", strict=True)
    assert worker["extraContainers"][0]["env"][0]["value"] == worker["selfHostedServerApiConfig"]["apiUrl"]


def test_worker__takes_from_the_pool_that_winnow_deploys_to() -> None:
    assert yaml.safe_load((INFRA / "worker.yaml").read_text())["worker"]["config"]["workPool"] == POOL
