"""Scrubbing a file: what names something forgotten goes, what is said of others stays, in every format."""

import io
import json
import tarfile
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.forget.concern import Concern
from tasks.forget.mentions import Mentions
from tasks.forget.scrub import is_opaque, scrubbed

GONE, STAYS = "a" * 64, "b" * 64
MENTIONS = Mentions(
    Concern(
        samples=(GONE,),
        contents=(GONE,),
        objects=(),
        pictures=(),
        rows=(),
        uris=("file:///in/cam/a%20b%C3%A9.jpg", "file:///in/1.jpg"),
        names=("a bé.jpg",),
        sizes=(),
    )
)
"""Of two files one is called like another that stays, so only its whole URI names it."""


def scrub(name: str, content: str) -> str | None:
    left = scrubbed(name, content.encode(), MENTIONS)
    return None if left is None else left.decode()


@pytest.mark.parametrize(
    "text",
    [GONE, f"images/{GONE}.jpg", f"oracle:label:{GONE}", "a bé.jpg", "/in/cam/a bé.jpg", "cam/a%20b%C3%A9.jpg",
     "C:\\pictures\\a bé.jpg", "file:///in/1.jpg"],
)  # fmt: skip
def test_mentions__an_id_a_uri_and_a_name_wherever_it_is_said_to_lie(text: str) -> None:
    assert MENTIONS.text(text)


@pytest.mark.parametrize("text", ["", STAYS, GONE[:63], "aa bé.jpg", "a bé.jpg.txt", "1.jpg", "file:///in/11.jpg", "é"])
def test_mentions__not_what_only_looks_like_it(text: str) -> None:
    assert not MENTIONS.text(text)


def test_scrubbed__json_loses_what_stands_beside_the_name_and_no_more() -> None:
    told = [{"data": {"sample_id": one}, "annotations": [{"class": "cat"}]} for one in (GONE, STAYS)]
    assert json.loads(scrub("tasks.json", json.dumps(told)) or "") == told[1:]
    by_id = {GONE: {"x": 1}, STAYS: {"x": [GONE, STAYS]}}
    assert json.loads(scrub("by_id.json", json.dumps(by_id)) or "") == {STAYS: {"x": [STAYS]}}
    assert scrub("one.json", json.dumps({"file": {"name": "a bé.jpg"}, "more": 1})) is None
    same = '{"images" :  []}'
    assert scrub("same.json", same) == same


def test_scrubbed__coco_loses_the_shapes_of_a_picture_with_it() -> None:
    told: dict[str, Any] = {
        "images": [{"id": 1, "file_name": f"{GONE}.jpg"}, {"id": 2, "file_name": f"{STAYS}.jpg"}],
        "annotations": [{"id": 7, "image_id": 1}, {"id": 8, "image_id": 2}],
        "categories": [{"id": 1, "name": "cat"}],
    }
    left = json.loads(scrub("coco.json", json.dumps(told)) or "")
    assert left == {**told, "images": told["images"][1:], "annotations": told["annotations"][1:]}


@pytest.mark.parametrize(
    ("name", "content", "left"),
    [
        ("l.csv", 'file,label\n"a bé.jpg",cat\n"1,2.jpg","d""og"\n', 'file,label\n"1,2.jpg","d""og"\n'),
        ("l.csv", "file;label\r\nx/a bé.jpg;cat\r\n1.jpg;dog\r\n", "file;label\r\n1.jpg;dog\r\n"),
        ("l.jsonl", f'{{"id": "{GONE}"}}\n{{"id": "{STAYS}"}}\n', f'{{"id": "{STAYS}"}}\n'),
        ("m.txt", "# from file:///in\nfile:///in/1.jpg\nfile:///in/11.jpg\n", "# from file:///in\nfile:///in/11.jpg\n"),
        ("train.txt", f"./images/{GONE}.jpg\n./images/{STAYS}.jpg\n", f"./images/{STAYS}.jpg\n"),
        ("page.html", f"<p>{STAYS}</p>", f"<p>{STAYS}</p>"),
        ("page.html", "<a href='cam/a%20b%C3%A9.jpg'>", None),
        ("broken.json", '{"a": [', '{"a": ['),
        ("broken.json", f'{{"a": ["{GONE}"', None),
    ],
)
def test_scrubbed__other_texts(name: str, content: str, left: str | None) -> None:
    assert scrub(name, content) == left


@pytest.mark.parametrize(
    ("name", "opaque"),
    [("models/m-1/model/a.json", True), ("models/m-1/model/parts/w.pth", True), ("models/m-1/model.json", False),
     ("exports/model/a.json", False), ("models/m-1/model.safetensors", True)],
)  # fmt: skip
def test_is_opaque__what_a_program_left_as_its_model_is_not_looked_into(name: str, opaque: bool) -> None:
    assert is_opaque(name) == opaque


def test_scrubbed__xml_tar_and_parquet() -> None:
    left = scrub("cvat.xml", f'<a><image name="{GONE}.jpg"><box x="1"/></image><image name="{STAYS}.jpg"/></a>')
    assert left is not None
    assert f'<a><image name="{STAYS}.jpg" /></a>' in left
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for one in (GONE, STAYS):
            member = tarfile.TarInfo(f"{one}.cls")
            member.size = 1
            tar.addfile(member, io.BytesIO(b"3"))
    content = scrubbed("shard.tar", made.getvalue(), MENTIONS)
    assert content is not None
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        assert [(member.name, member.size) for member in tar] == [(f"{STAYS}.cls", 1)]
    sink = pa.BufferOutputStream()
    rows = pa.table({"n": [1, 2], "about": [[{"uri": "file:///in/1.jpg"}], [{"uri": "1.jpg"}]]})
    pq.write_table(rows.replace_schema_metadata({"kept": "yes"}), sink)
    content = scrubbed("rows.parquet", sink.getvalue().to_pybytes(), MENTIONS)
    assert content is not None
    found = pq.read_table(pa.BufferReader(content))
    assert (found["n"].to_pylist(), found.schema.metadata) == ([2], {b"kept": b"yes"})
