"""Where a picture was taken stays at its source, unless the settings say otherwise."""

import json
import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tasks.image import exif
from tasks.image.decode import decode
from tasks.report.page import write_report
from tests.ingest.metadata.taken_in import settings_of, take_in, written
from tests.made import Maker, jpeg, photograph
from tests.pipeline import curate, rows, select, settings_for

LOCATED = ("heic/IMG_5195.HEIC", "jpg/gps/DSCN0010.jpg", "jpg/gps/DSCN0012.jpg", "jpg/gps/DSCN0021.jpg")
SAID = (51.47793, -7.30147)
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:GPSLatitude="51,28.6758N"/>'
    b"</rdf:RDF></x:xmpmeta>"
)


def places(data: Path) -> dict[str, tuple[float, float]]:
    """Degrees north and east that the files state, read with our own reader, which test_exif.py checks."""
    found = {}
    for name in LOCATED:
        block = decode((data / "exif/samples" / name).read_bytes(), max_pixels=10**8, short_side=256).exif
        where = exif.position(block)
        assert where is not None
        found[name.rpartition("/")[2]] = where
    return found


def traces(degrees: float) -> Iterator[bytes]:
    """A coordinate as text, as a double, and as the rationals of EXIF: whole degrees, whole minutes."""
    yield repr(abs(degrees))[:7].encode()
    yield from (struct.pack(order + "d", degrees) for order in "<>")
    whole = abs(degrees)
    for order in "<>":
        yield struct.pack(order + "IIII", int(whole), 1, int(whole * 60 % 60), 1)


def seen(content: list[bytes], where: dict[str, tuple[float, float]]) -> set[str]:
    """The files of which some coordinate stands somewhere."""
    return {
        name
        for name, pair in where.items()
        if any(trace in one for degrees in pair for trace in traces(degrees) for one in content)
    }


@pytest.fixture
def source(data: Path, maker: Maker) -> Path:
    """The real files, one with XMP, and places in sidecars and joined files under many names."""
    for file in sorted((data / "exif" / "samples").rglob("*.*")):
        maker.write(f"real/{file.name}", file.read_bytes())
    maker.write("xmp.jpg", jpeg(photograph(1), xmp=XMP))
    north, east = SAID
    nested = {"GPSInfo": {"GPSLatitude": north}, "camera": {"latitude": north, "name": "c"}}
    stated = {"lat": north, "lon": east, "startLat": north, "pos": [f"{north}, {east}"], **nested}
    maker.write("xmp.jpg.json", json.dumps(stated).encode())
    table = f'file,lat,lon,GPSLongitude,location,note\nxmp.jpg,{north},{east},{east},{north} {east},"{north}, {east}"\n'
    (maker.folder.parent / "t.csv").write_text(table)
    return maker.folder


def test_places__are_nowhere_by_default(source: Path, data: Path, tmp_path: Path) -> None:
    settings = settings_for(
        source, tmp_path / "root", ingest__metadata={"sidecar": ".json", "join": str(tmp_path / "t.csv")}
    )
    assert curate(settings).held == select(settings).held == []
    write_report.fn(settings.root_uri)
    content, where = written(settings), places(data) | {"xmp.jpg": SAID}
    assert any(path.suffix == ".jpg" for path in (tmp_path / "root" / "handoff").rglob("*"))
    assert seen(content, where) == set()
    assert not any(word in one for word in (b"GPSLat", b"51,28.6758", b"GPSInfo") for one in content)
    assert rows(settings, "SELECT count(lat) + count(lon) AS n FROM samples") == [{"n": 0}]
    said = rows(settings, "SELECT metadata->'$.camera' AS camera FROM samples WHERE source_uri LIKE '%/xmp.jpg'")
    assert said == [{"camera": '{"name":"c"}'}]
    assert seen([path.read_bytes() for path in source.rglob("*.*")], where) == set(where)


def test_places__with_keep_gps_are_there_and_times_are_right(source: Path, data: Path, tmp_path: Path) -> None:
    settings = settings_of(source, tmp_path / "root", sidecar=".json", join=str(tmp_path / "t.csv"), keep_gps=True)
    take_in(settings)
    found = rows(settings, "SELECT split_part(source_uri, '/', -1) AS name, lat, lon, captured_at FROM samples")
    assert {row["name"]: (row["lat"], row["lon"]) for row in found if row["lat"]} == places(data) | {"xmp.jpg": SAID}
    assert seen(written(settings), places(data)) == set(places(data))
    taken = {row["name"]: row["captured_at"] for row in found}
    assert taken["IMG_5195.HEIC"] == datetime(2021, 4, 11, 20, 47, 53, 54_000, tzinfo=UTC)  # 15:47:53 at -05:00
    assert taken["Canon_40D.jpg"] == datetime(2008, 5, 30, 15, 56, 1, tzinfo=UTC)
    assert taken["canon-ixus.jpg"] == datetime(2001, 6, 9, 15, 17, 32, tzinfo=UTC)
