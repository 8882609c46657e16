"""Labels as a user brings them in and takes them out: commands, their words and their JSON."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from flows.cli import app
from tests.curated import curated, settings

__all__ = ["curated", "settings"]


def winnow(*arguments: str) -> Result:
    done = CliRunner().invoke(app, [*arguments, "--root", "root"])
    assert done.exit_code == 0, done.output
    return done


@pytest.mark.usefixtures("settings")
def test_labels_and_predictions_come_in_and_go_out(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("file,class\n00000.jpg,dog\n00001.jpg,cat\ngone.jpg,dog\n")
    (tmp_path / "scores.csv").write_text("file,dog,cat\n00002.jpg,0.5,0.5\n")
    bring_in = ["labels", "import", "labels.csv", "--format", "csv"]
    told = winnow(*bring_in, "--ontology", "pets", "--dry-run").stdout
    assert "2 labels would be new" in told
    assert "1 names mean no sample here, 0 mean several, as 'gone.jpg'" in told
    done = json.loads(winnow(*bring_in, "--ontology", "pets", "--json").stdout)
    assert (done["new"], done["unknown"], done["ontology"], done["version"]) == (2, 1, "pets", 1)
    assert "2 known" in winnow(*bring_in).stdout
    predicted = winnow("predictions", "import", "scores.csv", "--format", "csv", "--model-version", "net").stdout
    assert "1 predictions of net new" in predicted
    told = winnow("export", "out", "--format", "folders", "--where", "true").stdout
    assert "1 samples without a label are left out" in told
    assert sorted(path.parent.name for path in (tmp_path / "out").rglob("*.jpg")) == ["cat", "dog"]
