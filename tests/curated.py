"""Three samples that were curated once, in a root of its own for each test that asks for `settings`."""

import shutil
from pathlib import Path

import pytest

from flows.settings import Settings
from tests.made import Maker
from tests.pipeline import curate, settings_for


@pytest.fixture(scope="session")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three photographs, 00000.jpg to 00002.jpg of 200 x 100 pixels, and their root."""
    place = tmp_path_factory.mktemp("curated")
    Maker(place / "source").photographs(3, width=200, height=100)
    curate(settings_for(place / "source", place / "root"))
    return place


@pytest.fixture
def settings(curated: Path, tmp_path: Path) -> Settings:
    """Settings of a root with these samples."""
    shutil.copytree(curated / "root", tmp_path / "root")
    return settings_for(curated / "source", tmp_path / "root")
