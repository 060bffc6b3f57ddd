"""A real headless Chromium for the tests of the report."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
)  # fmt: skip


def missing() -> str | None:
    """What a browser test lacks here; None where all is there."""
    try:
        import selenium  # noqa: F401
    except ImportError:
        return "selenium is not installed (pip install -e .[test])"
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            return f"{program} is not installed (Debian: apt-get install chromium chromium-driver)"
    return None


@contextmanager
def open_browser() -> Iterator:
    """A browser with an empty profile. Without one the test is skipped, or fails: R1RL_FULL_STACK=1."""
    why = missing()
    if why is not None:
        (pytest.fail if os.environ.get("R1RL_FULL_STACK") == "1" else pytest.skip)(f"no browser: {why}")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
        driver = webdriver.Chrome(options=options, service=service)
        try:
            driver.get("about:blank")  # the browser's own start page makes requests
            yield driver
        finally:
            driver.quit()


def open_page(driver, page: Path, width: int = 1280, scheme: str = "light") -> None:
    """Opens a report and waits until all of it is drawn."""
    look = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", look)
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    driver.get(page.resolve().as_uri())
    end = time.monotonic() + 20
    while driver.execute_script("return document.body.dataset.ready") != "yes":
        assert time.monotonic() < end, driver.get_log("browser")
        time.sleep(0.05)
