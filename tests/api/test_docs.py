"""The documentation page and the OpenAPI document."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.api.conftest import Gunicorn
from tests.conftest import CHROMIUM_FLAGS


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    return dict(client.get("/api/openapi.json").json)


def test_the_document_is_openapi_3_1_and_has_every_operation(document: dict[str, Any]) -> None:
    operations = {(method, path) for path, item in document["paths"].items() for method in item}

    assert document["openapi"].startswith("3.1")
    assert operations == {
        ("get", "/api/v1/books"),
        ("post", "/api/v1/books"),
        ("get", "/api/v1/books/{id}"),
        ("put", "/api/v1/books/{id}"),
        ("patch", "/api/v1/books/{id}"),
        ("delete", "/api/v1/books/{id}"),
        ("post", "/api/v1/books/import"),
        ("get", "/api/v1/books/export"),
    }


def test_every_reference_in_the_document_leads_somewhere(document: dict[str, Any]) -> None:
    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return own + [reference for value in node.values() for reference in references(value)]
        return [reference for value in node for reference in references(value)] if isinstance(node, list) else []

    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document["paths"])) <= known


def test_every_operation_that_writes_asks_for_a_token(document: dict[str, Any]) -> None:
    for item in document["paths"].values():
        for method, operation in item.items():
            assert ("security" in operation) == (method != "get")


def test_the_page_allows_no_other_origin(client: FlaskClient) -> None:
    response = client.get("/api/docs")

    assert response.status_code == 200
    assert "default-src 'self'" in response.headers["Content-Security-Policy"]
    assert "http" not in response.text.replace("https://", "http://").partition("<body>")[2]


def test_the_page_shows_the_operations_in_chromium_without_internet(
    gunicorn: Gunicorn, chromium: str, tmp_path: Path
) -> None:
    shown = subprocess.run(
        [
            *(chromium, "--headless", *CHROMIUM_FLAGS, f"--user-data-dir={tmp_path}"),
            *("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--virtual-time-budget=10000"),
            *("--dump-dom", f"{gunicorn.url}/api/docs"),
        ],
        capture_output=True,
        text=True,
        timeout=90,
    ).stdout
    for summary in ("List or search books", "Add a book.", "Get one book.", "Delete a book.", "Add all books of a CSV"):
        assert summary in shown
