"""The API's image."""

import json
from typing import Any

import pytest

from tests.e2e.conftest import ROOT, run

MAX_BYTES_OVER_BASE = 90_000_000
BUILD_TOOLS = ["gcc", "cc", "make", "cargo"]


@pytest.fixture(scope="module")
def built() -> str:
    """An image with a version and a commit."""
    arguments = ["--build-arg=VERSION=1.2.3", "--build-arg=COMMIT=abcdef"]
    return run("docker", "build", "--quiet", *arguments, ROOT / "services" / "api").stdout.strip()


def inspect(image: str) -> Any:
    return json.loads(run("docker", "image", "inspect", image).stdout)[0]


def test_it_is_at_most_90_megabytes_larger_than_its_base(built: str) -> None:
    assert inspect(built)["Size"] - inspect("python:3.13-slim")["Size"] <= MAX_BYTES_OVER_BASE


def test_it_carries_its_version_and_commit(built: str) -> None:
    config = inspect(built)["Config"]
    assert config["Labels"]["org.opencontainers.image.version"] == "1.2.3"
    assert config["Labels"]["org.opencontainers.image.revision"] == "abcdef"
    assert "GIT_COMMIT=abcdef" in config["Env"]


def test_its_user_is_a_number_and_not_root(built: str) -> None:
    user, group = inspect(built)["Config"]["User"].split(":")
    assert int(user) > 0
    assert int(group) > 0


def test_it_has_no_build_tools(built: str) -> None:
    found = run("docker", "run", "--rm", built, "sh", "-c", f"command -v {' '.join(BUILD_TOOLS)}", check=False)
    assert found.stdout == ""


def test_nothing_of_it_can_be_written_by_its_user(built: str) -> None:
    writable = "find /app /opt/venv -writable -not -type l"
    assert run("docker", "run", "--rm", built, "sh", "-c", writable).stdout == ""
