"""The images."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

import pytest
import requests

from tests.e2e.conftest import ROOT, run, wait_until

MAX_BYTES_OVER_BASE = 90_000_000
MAX_BYTES_OF_FIRST_LOAD = 150_000
BUILD_TOOLS = ["gcc", "cc", "make", "cargo"]
NODE = ["node", "npm", "npx"]
REFERENCE = re.compile(r'(?:src|href)="(/[^"]*)"')


def build(service: str) -> str:
    """An image with a version and a commit."""
    arguments = ["--build-arg=VERSION=1.2.3", "--build-arg=COMMIT=abcdef"]
    return run("docker", "build", "--quiet", *arguments, ROOT / "services" / service).stdout.strip()


@pytest.fixture(scope="module")
def api() -> str:
    return build("api")


@pytest.fixture(scope="module")
def web() -> str:
    return build("web")


@pytest.fixture(params=["api", "web"])
def built(request: pytest.FixtureRequest) -> str:
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def page(web: str) -> Iterator[str]:
    """The address of the page, from a container that may do as little as in Kubernetes."""
    confined = ["--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges"]
    container = run("docker", "run", "--detach", "--publish=127.0.0.1::8080", *confined, web).stdout.strip()
    try:
        url = "http://" + run("docker", "port", container, "8080").stdout.strip()
        wait_until(lambda: requests.get(f"{url}/readyz", timeout=5).ok, seconds=20, what="nginx")
        yield url
    finally:
        run("docker", "rm", "--force", container)


def inspect(image: str) -> Any:
    return json.loads(run("docker", "image", "inspect", image).stdout)[0]


def referred(page: str) -> list[str]:
    """The addresses that the page refers to."""
    found = [urljoin(page, path) for path in REFERENCE.findall(requests.get(page, timeout=10).text)]
    assert any("/assets/" in address for address in found)
    return found


def bytes_sent(address: str) -> int:
    """How long the answer's body is as it is sent, to a client that takes gzip."""
    with requests.get(address, stream=True, timeout=10) as answer:
        assert answer.status_code == 200
        return len(answer.raw.read(decode_content=False))


def test_it_is_at_most_90_megabytes_larger_than_its_base(api: str) -> None:
    assert inspect(api)["Size"] - inspect("python:3.13-slim")["Size"] <= MAX_BYTES_OVER_BASE


def test_it_carries_its_version_and_commit(built: str) -> None:
    labels = inspect(built)["Config"]["Labels"]
    assert labels["org.opencontainers.image.version"] == "1.2.3"
    assert labels["org.opencontainers.image.revision"] == "abcdef"


def test_the_api_knows_its_commit(api: str) -> None:
    assert "GIT_COMMIT=abcdef" in inspect(api)["Config"]["Env"]


def test_its_user_is_a_number_and_not_root(built: str) -> None:
    user, group = inspect(built)["Config"]["User"].split(":")
    assert int(user) > 0
    assert int(group) > 0


def test_it_has_no_build_tools(built: str) -> None:
    tools = " ".join(BUILD_TOOLS + NODE)
    found = run("docker", "run", "--rm", "--entrypoint=sh", built, "-c", f"command -v {tools}", check=False)
    assert found.stdout == ""


@pytest.mark.parametrize(("image", "folders"), [("api", "/app /opt/venv"), ("web", "/app")])
def test_nothing_of_it_can_be_written_by_its_user(request: pytest.FixtureRequest, image: str, folders: str) -> None:
    writable = f"find {folders} -writable -not -type l"
    built = request.getfixturevalue(image)
    assert run("docker", "run", "--rm", "--entrypoint=sh", built, "-c", writable).stdout == ""


def test_the_page_is_never_cached_and_its_assets_for_a_year(page: str) -> None:
    for path in ("/", "/?q=darkness", "/index.html", "/assets/none.js"):
        assert requests.get(page + path, timeout=10).headers["Cache-Control"] == "no-store"
    for asset in referred(page):
        if "/assets/" in asset:
            answer = requests.get(asset, timeout=10)
            assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_what_was_compressed_at_build_time_is_sent_to_those_who_take_it(page: str) -> None:
    for address in (page, *referred(page)):
        compressed = requests.get(address, timeout=10)
        plain = requests.get(address, headers={"Accept-Encoding": "identity"}, timeout=10)
        assert compressed.headers["Content-Encoding"] == "gzip"
        assert "Content-Encoding" not in plain.headers
        assert compressed.content == plain.content
        assert compressed.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"


def test_the_first_load_is_at_most_150_kilobytes(page: str) -> None:
    sizes = {address: bytes_sent(address) for address in (page, *referred(page))}
    assert sum(sizes.values()) <= MAX_BYTES_OF_FIRST_LOAD, sizes


def test_every_answer_forbids_what_the_page_does_not_need(page: str) -> None:
    for address in (page, *referred(page), f"{page}/none"):
        headers = requests.get(address, timeout=10).headers
        policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == "'self'"
        assert set(policy.values()) == {"'none'", "'self'"}
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Server"] == "nginx"


def test_the_page_has_no_inline_script_or_style(page: str) -> None:
    text = requests.get(page, timeout=10).text
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))
    assert "<style" not in text
    assert " style=" not in text


@pytest.mark.parametrize("path", ["/none", "/assets/", "/assets", "/assets/none.js", "/api/v1/books", "/metrics"])
def test_what_is_not_there_is_not_found(page: str, path: str) -> None:
    assert requests.get(page + path, timeout=10).status_code == 404


def test_nothing_is_logged_but_a_json_object_for_each_request_without_its_query(web: str) -> None:
    container = run("docker", "run", "--detach", "--publish=127.0.0.1::8080", web).stdout.strip()
    try:
        url = "http://" + run("docker", "port", container, "8080").stdout.strip()
        wait_until(lambda: requests.get(f"{url}/readyz", timeout=5).ok, seconds=20, what="nginx")
        requests.get(f'{url}/no"ne?token=secret', timeout=10)
        done = run("docker", "logs", container)
    finally:
        run("docker", "rm", "--force", container)
    [line] = (done.stdout + done.stderr).splitlines()
    logged = json.loads(line)
    assert (logged["logger"], logged["method"], logged["status"]) == ("access", "GET", 404)
    assert logged["path"] == "/no%22ne"
    assert "secret" not in line
