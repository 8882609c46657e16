"""Fixtures: real files found by WINNOW_TEST_DATA, made photographs, fresh roots."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.store.root import Root, open_root
from tests import buckets
from tests.buckets import Buckets, Faults
from tests.made import Maker

# Tests start many processes: without bytecode each of them would compile every library again, which takes longer than
# all that most of them do.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# No test cuts the power, so nothing has to reach the disk; waiting for that is a quarter of what many of them take.
os.fsync = lambda _descriptor: None

PROXY = buckets.reserve()

DATA = Path(os.environ.get("WINNOW_TEST_DATA", Path(__file__).parents[1] / ".." / "shared" / "data"))


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real files; tests that need it are skipped, saying so, where it is not there."""
    if not (DATA / "hostile" / "MANIFEST.csv").exists():
        pytest.skip(f"no real test data at {DATA}: set WINNOW_TEST_DATA")
    return DATA.resolve()


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No test waits for a hub, finds a winnow.yaml that lies about, or writes outside its folder."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for name in ("WINNOW_ROOT", "WINNOW_CONFIG", "PREFECT_API_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    yield


@pytest.fixture(scope="session")
def endpoint() -> Iterator[Buckets]:
    """An S3 endpoint, started once."""
    with buckets.serving(PROXY) as serving:
        yield serving


@pytest.fixture
def s3(endpoint: Buckets) -> Iterator[Buckets]:
    """The S3 endpoint, without faults."""
    endpoint.faults = Faults()
    endpoint.seen.clear()
    yield endpoint
    endpoint.faults = Faults()


@pytest.fixture
def root(tmp_path: Path) -> Root:
    """A fresh root."""
    return open_root(tmp_path / "root", create=True)


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    """Makes photographs in a source folder."""
    return Maker(tmp_path / "source")
