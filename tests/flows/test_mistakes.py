"""Mistakes that a user makes: exit code 2, one sentence that says what to do, nothing half-written."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli import app
from tests.made import Maker


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run"], "Name a source"),
        (["run", "nowhere"], "There is no source"),
        (["run", "empty"], "holds no files"),
        (["run", "texts"], "None of the 1 files"),
        (["run", "source", "--root", "texts"], "not a root and not empty"),
        (["run", "source", "--root", "newer"], "has format 99"),
        (["run", "source", "--set", "ingest.max_pixel=3"], "ingest.max_pixel is no setting"),
        (["run", "source", "--set", "ingest.shard_size=0"], "ingest.shard_size is 0"),
        (["run", "source", "--set", "ingest.metadata.join=gone.csv"], "gone.csv cannot be read"),
        (["metadata", "import", "numbers.yaml", "--root", "made"], "is no CSV in UTF-8 and no Parquet"),
        (["run", "source", "--budget", "none"], "select.budget is 'none'"),
        (["run", "source", "--set", "select.budget"], "write NAME=VALUE"),
        (["run", "source", "--set", "select.strategies=[random"], "select.strategies=[random: the value is no YAML"),
        (["run", "source", "--set", "select.budget=2026-02-31"], "the value is no YAML"),
        (["run", "source", "--config", "numbers.yaml"], "1 is no setting"),
        (["run", "source", "--root", "two\nlines"], "has a control character"),
        (["run", "source", "--root", "numbers.yaml/below"], "is a file, or below one"),
        (["run", "source", "--config", "nowhere.yaml"], "cannot be read"),
        (["run", "source", "--checkpoint", "gone.safetensors"], "there is no file gone.safetensors"),
        (["status", "--root", "nowhere"], "There is no root"),
        (["query", "SELECT * FROM secrets", "--root", "made"], "There is no table secrets"),
        (["query", "SELECT 1", "--format", "xml", "--root", "made"], "--format is 'xml'"),
        (
            ["labels", "import", "gone.csv", "--format", "csv", "--ontology", "o", "--root", "made"],
            "gone.csv is not there",
        ),
        (["labels", "import", "texts", "--format", "xls", "--ontology", "o", "--root", "made"], "--format is 'xls'"),
        (["labels", "import", "texts", "--format", "voc", "--root", "made"], "There is no ontology yet"),
        (
            ["predictions", "import", "texts", "--format", "csv", "--model-version", "m", "--root", "made"],
            "end in .csv",
        ),
        (["export", "out", "--format", "yolo", "--labelled", "--root", "made"], "no sample meets"),
        (["tag", "x", "--where", "nonsense <", "--root", "made"], "The query cannot be run"),
        (["release", "b-1", "--note", "x", "--root", "made"], "no batch or selection b-1"),
        (["promote", "m-1", "--note", "x", "--root", "made"], "no model 'm-1'"),
        (["retry", "--reason", "ugly", "--root", "made"], "There is no reason 'ugly'"),
        (["learn", "--root", "made"], "No sample has a label yet"),
        (["snapshot", "--root", "made"], "No sample has a label yet"),
        (["recalibrate", "--note", "x", "--root", "made"], "Only 0 samples"),
        (["example", "texts"], "holds other files"),
        (["select", "--root", "made", "--name", "../x"], "is no name"),
    ],
)
def test_mistakes__exit_2_one_sentence_nothing_written(
    maker: Maker, tmp_path: Path, arguments: list[str], words: str
) -> None:
    maker.photographs(2)
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("x")
    (tmp_path / "numbers.yaml").write_text("1: 2")
    (tmp_path / "newer").mkdir()
    (tmp_path / "newer" / "root.json").write_text('{"format": 99, "thumbnail_px": 256}')
    from tasks.store.root import open_root

    open_root(tmp_path / "made", create=True)
    before = sorted(path for path in tmp_path.rglob("*"))
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2, done.output
    told = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(told) == 1, done.stderr
    assert words in told[0]
    assert done.stdout == ""
    after = [path for path in tmp_path.rglob("*") if "winnow-root" not in path.parts and path.name != ".lock"]
    assert sorted(after) == before
    assert not list((tmp_path / "winnow-root").glob("tables/*"))
