"""What a format can hold comes back from it; what it cannot hold its writer says."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.labels.formats import READERS, WRITERS, write_labels
from tasks.labels.formats.picture import Picture
from tasks.labels.formats.same import same
from tasks.labels.formats.scale import in_pixels
from tasks.labels.values import LabelType, canonical
from tests.labels.formats.made_labels import HEIGHT, WIDTH, ontology_of, pictures

BOTH_WAYS = [(form, kind) for form in READERS if form in WRITERS for kind in WRITERS[form].HOLDS]


def stem(name: str) -> str:
    return Path(name).name.removesuffix(".jpg")


def with_files(folder: Path, made: Sequence[Picture]) -> None:
    for picture in made:
        (folder / picture.name).parent.mkdir(parents=True, exist_ok=True)
        (folder / picture.name).write_bytes(picture.name.encode())


@pytest.mark.parametrize(("form", "kind"), BOTH_WAYS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(chance=st.data())
def test_what_is_written_is_read_again(form: str, kind: LabelType, chance: st.DataObject) -> None:
    made = chance.draw(pictures(kind, WRITERS[form].IMAGES))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with_files(folder, made)
        held, told = write_labels(form, folder, made, ontology_of(kind, made))
        kept = {stem(one.name): one.value for one in held}
        assert told or kept == {stem(one.name): one.value for one in made}
        if not kept:
            return
        found = READERS[form].read(folder, kind)
    assert not found.trouble
    assert not [picture.trouble for picture in found.pictures if picture.trouble]
    back = {stem(one.name): in_pixels(one, WIDTH, HEIGHT).value for one in found.pictures if one.value}
    assert set(back) == set(kept)
    for name, value in kept.items():
        assert same(canonical(kind, value), canonical(kind, back[name]), 1e-4)
