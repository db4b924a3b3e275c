"""What every kind of test shares."""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

from local.page import WEB, PageError, install

CHROMIUM_FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)


def unavailable(reason: str) -> NoReturn:
    """Skip the test, which needs what this machine lacks; in CI, where everything must be there, fail it."""
    if os.environ.get("CI"):
        pytest.fail(f"CI lacks what this test needs: {reason}")
    pytest.skip(reason)


def install_packages(folder: Path = WEB) -> None:
    """Install the npm packages of `folder`, without which the test is unavailable."""
    try:
        install(folder)
    except PageError as error:
        unavailable(str(error))


def find_chromium() -> str | None:
    """The path of Chromium or Chrome."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of Chromium or Chrome."""
    return find_chromium() or unavailable("no Chromium or Chrome on the PATH (apt install chromium)")
