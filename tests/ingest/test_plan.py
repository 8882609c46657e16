"""Planning: what is new, cut into batches whose boundaries never change."""

import os
from pathlib import Path

import pytest

from tasks.ingest.manifest import write_manifest
from tasks.ingest.plan import Plan, plan
from tasks.ingest.settings import IngestSettings
from tasks.store.errors import UsageError
from tasks.store.log import read_log
from tasks.store.plans import read_plan
from tasks.store.root import Root, open_root
from tasks.store.storage import to_uri
from tests.made import Maker


def make_plan(root: Root, maker: Maker, **settings: object) -> object:
    chosen = IngestSettings(**settings)  # type: ignore[arg-type]
    return plan(root, to_uri(maker.folder), chosen, {"ingest": chosen.compute(), "shard_size": 8, "dedupe": {}})


def test_plan__accounts_for_every_file(root: Root, maker: Maker) -> None:
    maker.photographs(5)
    maker.write("notes.txt", b"x")
    made = make_plan(root, maker)
    assert (made.listed, made.ignored, made.known, made.new) == (6, 1, 0, 5)


def test_plan__twice_changes_nothing(root: Root, maker: Maker) -> None:
    maker.photographs(5)
    first = make_plan(root, maker)
    events = read_log(root).last
    second = make_plan(root, maker)
    assert (second.known, second.new, second.batches) == (5, 0, first.batches)
    assert read_log(root).last == events


def test_plan__batches_are_cut_by_number_and_by_bytes(root: Root, maker: Maker) -> None:
    for number in range(7):
        maker.write(f"{number}.jpg", bytes(100))
    by_number = make_plan(root, maker, batch_size=3)
    sizes = [len(read_plan(root, batch)[0]) for batch in by_number.batches]
    assert sizes == [3, 3, 1]
    for number in range(7, 12):
        maker.write(f"{number}.jpg", bytes(100))
    by_bytes = make_plan(root, maker, batch_bytes=250)
    sizes = [len(read_plan(root, batch)[0]) for batch in by_bytes.batches[3:]]
    assert sizes == [2, 2, 1]


def test_plan__a_file_larger_than_a_batch_is_a_batch(root: Root, maker: Maker) -> None:
    maker.write("a.jpg", bytes(1000))
    maker.write("b.jpg", bytes(10))
    assert len(make_plan(root, maker, batch_bytes=100).batches) == 2


def test_plan__the_same_files_make_the_same_batches_whenever_it_stopped(
    root: Root, maker: Maker, tmp_path: Path
) -> None:
    from tasks.store.root import open_root

    maker.photographs(7)
    whole = make_plan(root, maker, batch_size=2)
    other = open_root(tmp_path / "other", create=True)
    seen: list[str] = []

    def interrupted(*_args: object, **_options: object) -> None:
        if len(read_log(other).batches) == 2:
            raise KeyboardInterrupt

    from tasks.ingest import plan as module

    real = module.add_batch
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "add_batch", lambda *args: (interrupted(), real(*args))[1])
        with pytest.raises(KeyboardInterrupt):
            make_plan(other, maker, batch_size=2)
    seen += make_plan(other, maker, batch_size=2).batches
    assert tuple(seen) == whole.batches


def test_plan__a_changed_file_is_a_new_object(root: Root, maker: Maker) -> None:
    place = maker.photographs(1)[0]
    make_plan(root, maker)
    os.utime(place, (1, 1))
    assert make_plan(root, maker).new == 1


def test_plan__the_settings_are_frozen(root: Root, maker: Maker) -> None:
    maker.photographs(1)
    made = make_plan(root, maker, max_pixels=1234)
    make_plan(root, maker, max_pixels=9999)
    assert read_plan(root, made.batches[0])[1]["ingest"]["max_pixels"] == 1234


def test_plan__an_empty_source_is_a_mistake_the_first_time(root: Root, maker: Maker) -> None:
    with pytest.raises(UsageError, match="holds no files"):
        make_plan(root, maker)
    maker.write("notes.txt", b"x")
    with pytest.raises(UsageError, match="ingest.include"):
        make_plan(root, maker)
    place = maker.photographs(1)[0]
    make_plan(root, maker)
    place.unlink()
    assert make_plan(root, maker).new == 0


def plan_part(root: Root, maker: Maker, names: list[str], **settings: object) -> Plan:
    chosen = IngestSettings(**settings)  # type: ignore[arg-type]
    uris = [to_uri(maker.folder / name) for name in names]
    manifest = write_manifest(root, "events", below=to_uri(maker.folder), uris=uris)
    return plan(root, manifest, chosen, {"ingest": chosen.compute(), "shard_size": 8, "dedupe": {}})


def test_plan__of_a_part_takes_its_own_batches_only(root: Root, maker: Maker) -> None:
    maker.photographs(6)
    names = [f"cam/{number:05d}.jpg" for number in range(6)]
    backfill = plan_part(root, maker, names[:4], batch_size=2)
    fresh = plan_part(root, maker, names[3:])
    assert (backfill.new, len(backfill.batches), fresh.new, fresh.known, len(fresh.batches)) == (4, 2, 2, 1, 1)
    assert not set(fresh.batches) & set(backfill.batches)
    assert plan_part(root, maker, names[:4]).batches == backfill.batches  # a killed run goes on
    assert make_plan(root, maker).batches == (*backfill.batches, *fresh.batches)


def test_plan__of_a_part_gives_the_objects_and_metadata_of_a_listing(root: Root, maker: Maker, tmp_path: Path) -> None:
    """Patterns and hidden folders too are told from the source, not from where the manifest lies."""
    names = ["a/day 1/x +%.jpg", "b/night/ü.jpg", "b/.hidden/z.jpg", "notes.txt"]
    for name in names:
        maker.write(name, b"1")
    chosen = {"include": ["?/*.jpg"], "metadata": {"path": "{sensor_id}/{shift}/{name}"}}
    of_part = plan_part(root, maker, names, **chosen)
    other = open_root(tmp_path / "other", create=True)
    of_listing = make_plan(other, maker, **chosen)
    assert (of_part.listed, of_part.ignored, of_part.new) == (4, 2, 2)
    planned = [read_plan(*pair)[0].to_pylist() for pair in ((root, of_part.batches[0]), (other, of_listing.batches[0]))]
    assert planned[0] == planned[1]
    assert [row["sensor_id"] for row in planned[0]] == ["a", "b"]


def test_plan__of_a_part_with_nothing_to_take_is_no_mistake(root: Root, maker: Maker) -> None:
    maker.write("notes.txt", b"1")
    planned = plan_part(root, maker, ["notes.txt"])
    assert (planned.listed, planned.ignored, planned.batches) == (1, 1, ())
