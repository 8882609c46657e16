"""A shard of ingest: staged once, and again when what was staged is no longer whole."""

from pathlib import Path

from tasks.gate.settle import release
from tests.made import Maker
from tests.pipeline import curate, opened, rows, settings_for


def test_ingest_shard__that_was_damaged_anywhere_is_made_again(maker: Maker, tmp_path: Path) -> None:
    maker.photographs(6)
    settings = settings_for(maker.folder, tmp_path / "root", gates__ingested__mode="approve")
    held = curate(settings).held[0]
    shard = next((tmp_path / "root" / "staging" / held / "ingest").glob("*/000000.parquet"))
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    release(opened(settings), held, "fine")
    assert curate(settings).counts["sample"] == 6
    assert rows(settings, "SELECT count(*) AS n FROM samples WHERE octet_length(thumbnail) > 0") == [{"n": 6}]
