"""What every kind of test shares."""

import os
import shutil
from typing import NoReturn

import pytest

CHROMIUM_FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)


def unavailable(reason: str) -> NoReturn:
    """Skip the test, which needs what this machine lacks; in CI, where everything must be there, fail it."""
    if os.environ.get("CI"):
        pytest.fail(f"CI lacks what this test needs: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of Chromium or Chrome."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    unavailable("no Chromium or Chrome on the PATH (apt install chromium)")
