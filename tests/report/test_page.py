"""The report: whole, self-contained, and deaf to hostile names."""

import base64
import hashlib
import re
from pathlib import Path

import pytest

from flows.settings import Settings
from tasks.report.page import has_report, write_report
from tests.buckets import Buckets
from tests.made import Maker, jpeg, photograph
from tests.pipeline import curate, opened, select, settings_for
from tests.report.scene import scene

HOSTILE = "<script>alert(1)</script> & \"q\" 'x' {{ 7*7 }}.jpg".replace("/", "")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a root with a bit of everything."""
    folder = tmp_path_factory.mktemp("page")
    maker = Maker(folder / "source")
    maker.photographs(12)
    maker.write("near.jpg", jpeg(photograph(3), 50))
    maker.write(HOSTILE, b"no picture")
    maker.write(f"good-{HOSTILE}", jpeg(photograph(40)))
    settings = settings_for(maker.folder, folder / "root", select__budget=5)
    curate(settings)
    select(settings)
    return Path(write_report.fn(settings.root_uri)).read_text()


def test_page__asks_no_network_and_runs_only_its_own_script(page: str) -> None:
    assert re.findall(r"javascript:|@import|<link|<iframe|https?://", page, re.IGNORECASE) == []
    assert re.findall(r"<[^>]* (?:src|href)=\"(?!data:|#)", page) == []
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(scripts[-1][1].encode()).digest()).decode()
    assert [kind for kind, _ in scripts if "json" not in kind and "plain" not in kind] == [' type="module"']
    assert f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'" in page


def test_page__hostile_names_are_text(page: str) -> None:
    assert "&lt;script&gt;alert(1)" in page
    assert "{{ 7*7 }}" in page


def test_page__hostile_sensors_and_videos_are_text(made: Settings) -> None:
    page = Path(write_report.fn(made.root_uri)).read_text()
    assert "</script><img" not in page
    assert "\u2028" not in page.partition('id="facts"')[2]
    assert page.count("&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;") >= 2


def test_page__shows_counts_groups_picks_rejects_and_outliers(page: str) -> None:
    for words in ("15</b> objects", "14</b> samples", "13</b> kept", "5</b> selected", "not_an_image", "perceptual, "):
        assert words in page, words
    assert page.count('<figure><a href="#sample-') == 5 + 2 + 13
    assert page.count('<svg viewBox="0 0 100 40"') == 6


def test_page__of_an_empty_root(tmp_path: Path, maker: Maker) -> None:
    maker.write("a.jpg", b"no picture")
    settings = settings_for(maker.folder, tmp_path / "root")
    curate(settings)
    assert not has_report(opened(settings))
    assert "Nothing is selected yet" in Path(write_report.fn(settings.root_uri)).read_text()
    assert has_report(opened(settings))


def test_report__in_a_bucket(s3: Buckets, tmp_path: Path) -> None:
    settings = scene(tmp_path, 150, f"{s3.make()}/root")
    assert not has_report(opened(settings))
    place = write_report.fn(settings.root_uri)
    assert place == f"{settings.root_uri}/reports/report.html"
    page = opened(settings).storage.read(place).decode()
    assert "150</b> samples" in page
    assert "cam-03</b> since 2026-03-17: brightness" not in page  # two samples a day say nothing
    assert "Map of 135 embedded samples" in page
    assert write_report.fn(settings.root_uri) == place
    assert has_report(opened(settings))
