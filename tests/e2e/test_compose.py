"""docker compose: up, use, down, up."""

import os
import uuid
from collections.abc import Iterator

import pytest
import requests

from tests.api.conftest import free_port
from tests.conftest import unavailable
from tests.e2e.conftest import ROOT, run


class Compose:
    """A project of its own, beside one that somebody may be running."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def __call__(self, *arguments: str) -> str:
        environment = {**os.environ, "PORT": str(self.port)}
        return run("docker", "compose", "--project-name=bookshelf-test", *arguments, cwd=ROOT, env=environment).stdout


@pytest.fixture
def compose() -> Iterator[Compose]:
    if run("docker", "compose", "version", check=False).returncode:
        unavailable("docker with compose")
    compose = Compose()
    yield compose
    compose("down", "--volumes")


def test_the_page_and_the_api_are_at_one_address(compose: Compose) -> None:
    compose("up", "--build", "--wait")

    assert 'id="root"' in requests.get(compose.url, timeout=20).text
    page = requests.get(f"{compose.url}/api/v1/books", timeout=20)
    assert page.json()["items"] == []
    assert page.headers["X-Request-ID"]
    assert requests.get(f"{compose.url}/api/docs", timeout=20).status_code == 200
    for path in ("/metrics", "/version", "/books", "/assets/none.js"):
        assert requests.get(compose.url + path, timeout=20).status_code == 404

    compose("stop", "api")
    problem = requests.get(f"{compose.url}/api/v1/books", timeout=20)
    assert problem.status_code == problem.json()["status"] == 503
    assert problem.headers["Content-Type"] == "application/problem+json"


def test_the_books_are_there_after_docker_compose_down_and_up(compose: Compose) -> None:
    compose("up", "--build", "--wait")
    title = f"Kept {uuid.uuid4()}"
    written = requests.post(f"{compose.url}/api/v1/books", json={"title": title, "author": "Nobody"}, timeout=20)
    assert written.status_code == 201, written.text

    compose("down")
    compose("up", "--wait")

    assert requests.get(compose.url + written.headers["Location"], timeout=20).json()["title"] == title


def test_the_books_are_there_after_the_database_was_killed(compose: Compose) -> None:
    compose("up", "--build", "--wait")
    written = requests.post(f"{compose.url}/api/v1/books", json={"title": "Kept", "author": "Nobody"}, timeout=20)
    assert written.status_code == 201, written.text

    compose("kill", "--signal=KILL", "database")
    compose("up", "--wait")

    assert requests.get(compose.url + written.headers["Location"], timeout=20).status_code == 200


def test_compose_publishes_one_port_on_loopback_and_keeps_the_password_out_of_sight(compose: Compose) -> None:
    compose("up", "--build", "--wait")

    published = [line for line in compose("ps", "--format={{.Ports}}").splitlines() if "->" in line]
    assert len(published) == 1 and published[0].startswith(f"127.0.0.1:{compose.port}->")
    password = compose("exec", "api", "cat", "/run/secrets/database/password")
    assert len(password) == 64
    for service in ("web", "api", "database"):
        container = compose("ps", "--quiet", service).strip()
        assert password not in run("docker", "inspect", container).stdout
        assert password not in compose("logs", service)
