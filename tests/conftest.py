"""What every kind of test shares."""

import os

import pytest


def unavailable(reason: str) -> None:
    """Skip the test, which needs what this machine lacks; in CI, where everything must be there, fail it."""
    if os.environ.get("CI"):
        pytest.fail(f"CI lacks what this test needs: {reason}")
    pytest.skip(reason)
