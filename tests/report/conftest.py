"""A made dataset, and a browser to look at its page with."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.settings import Settings
from tests.report.scene import scene

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking")


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A dataset of 600 samples; tests only read it and write its report."""
    return scene(tmp_path_factory.mktemp("scene"), 600)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium that is installed already; none is downloaded.

    Of a module, since an event loop runs as long as it does, in which other tests could not start theirs.
    """
    found = next((place for place in map(shutil.which, CHROMIUM) if place), None)
    if found is None:
        pytest.skip("no Chromium on this machine: install the package chromium to test the page in a browser")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=[*QUIET])
        yield chromium
        chromium.close()


def opened_page(browser: Any, report: str | Path, **options: Any) -> Any:
    """The report in a fresh window, ready; a request to anywhere but the folder of the report fails the test."""
    window = browser.new_context(viewport={"width": 1300, "height": 900}, reduced_motion="reduce", **options).new_page()
    window.faults = []
    window.on("pageerror", lambda error: window.faults.append(str(error)))
    window.on("console", lambda said: window.faults.append(said.text) if said.type == "error" else None)
    window.on("dialog", lambda dialog: window.faults.append("a hostile name ran"))
    window.on(
        "request",
        lambda one: None if one.url.startswith(("file:", "data:", "blob:")) else window.faults.append(one.url),
    )
    window.goto(Path(report).as_uri())
    window.wait_for_selector("html[data-ready]")
    return window
