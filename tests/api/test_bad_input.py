"""What a client can do wrong, and that each gets a problem document (RFC 9457) with a reason."""

import socket
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.api.conftest import BOOKS, LEFT_HAND, Gunicorn

JSON = "application/json"


def assert_problem(response: Any, status: int) -> dict[str, Any]:
    document = dict(response.json)
    assert (response.status_code, response.headers["Content-Type"]) == (status, "application/problem+json")
    assert document["status"] == status
    assert document["type"] and document["title"] and document["detail"]
    assert response.headers["X-Request-ID"]
    return document


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"title": ""}, "#/title"),
        ({"title": "  "}, "#/title"),
        ({"title": "a\nb"}, "#/title"),
        ({"title": "a\0b"}, "#/title"),
        ({"title": None}, "#/title"),
        ({"title": 7}, "#/title"),
        ({"title": "x" * 501}, "#/title"),
        ({"author": ["a"]}, "#/author"),
        ({"author": "x" * 301}, "#/author"),
        ({"description": "a\0b"}, "#/description"),
        ({"description": "x" * 10_001}, "#/description"),
        ({"isbn": "9780441478126"}, "#/isbn"),
        ({"isbn": "12"}, "#/isbn"),
        ({"isbn": 9780441478125}, "#/isbn"),
        ({"isbn": ""}, "#/isbn"),
        ({"published_year": 0}, "#/published_year"),
        ({"published_year": "1969"}, "#/published_year"),
        ({"published_year": 1969.5}, "#/published_year"),
        ({"published_year": True}, "#/published_year"),
        ({"published_year": 10**30}, "#/published_year"),
        ({"published_year": -5001}, "#/published_year"),
        ({"read": "yes"}, "#/read"),
        ({"read": 1}, "#/read"),
        ({"pages": 3}, "#/pages"),
        ({"id": 3}, "#/id"),
        ({"a/b~c": 3}, "#/a~1b~0c"),
    ],
)
def test_a_bad_member_is_named_by_its_json_pointer(client: FlaskClient, members: dict[str, Any], pointer: str) -> None:
    document = assert_problem(client.post(BOOKS, json=LEFT_HAND | members), 422)

    assert [error["pointer"] for error in document["errors"]] == [pointer]
    assert document["errors"][0]["detail"]


def test_every_bad_member_is_named_at_once(client: FlaskClient) -> None:
    document = assert_problem(client.post(BOOKS, json={"isbn": "1", "read": "x", "pages": 1}), 422)

    assert {error["pointer"] for error in document["errors"]} == {"#/title", "#/author", "#/isbn", "#/read", "#/pages"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{'title': 'x'}",
        b'{"title": "\\ud800", "author": "x"}',
        b"\xff\xfe",
        b"[" * 100_000,
        b"nan",
        b"{}{}",
    ],
)
def test_malformed_json_is_400(client: FlaskClient, body: bytes) -> None:
    assert_problem(client.post(BOOKS, data=body, content_type=JSON), 400)


@pytest.mark.parametrize("body", [b"[]", b"null", b'"text"', b"7"])
def test_json_that_is_no_object_is_422(client: FlaskClient, body: bytes) -> None:
    assert_problem(client.post(BOOKS, data=body, content_type=JSON), 422)


@pytest.mark.parametrize("media_type", [None, "text/plain", "application/xml", "application/merge-patch+json", "json"])
def test_a_wrong_content_type_is_415_and_names_the_right_one(client: FlaskClient, media_type: str | None) -> None:
    document = assert_problem(client.post(BOOKS, data=b"{}", content_type=media_type), 415)

    assert JSON in document["detail"]


def test_a_title_of_5_mb_is_413(client: FlaskClient) -> None:
    assert_problem(client.post(BOOKS, json={**LEFT_HAND, "title": "x" * 5_000_000}), 413)


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=ten", "limit"),
        ("limit=1e30", "limit"),
        ("read=perhaps", "read"),
        ("year_min=x", "year_min"),
        ("year_max=99999999999999999999", "year_max"),
        ("sort=price", "sort"),
        ("q=a%00b", "q"),
        ("author=%00", "author"),
        ("q=" + "x" * 201, "q"),
        ("colour=red", "colour"),
    ],
)
def test_a_bad_parameter_is_named(client: FlaskClient, query: str, parameter: str) -> None:
    document = assert_problem(client.get(f"{BOOKS}?{query}"), 422)

    assert document["errors"][0]["parameter"] == parameter


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/api", f"{BOOKS}/abc", f"{BOOKS}/-1", f"{BOOKS}/1.5", f"{BOOKS}/1/x"]
)
def test_an_unknown_path_is_404(client: FlaskClient, path: str) -> None:
    assert path in assert_problem(client.get(path), 404)["detail"]


@pytest.mark.parametrize("number", [0, 2**63, 10**30])
def test_an_id_that_no_book_can_have_is_refused(client: FlaskClient, number: int) -> None:
    assert_problem(client.get(f"{BOOKS}/{number}"), 422)


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", BOOKS), ("POST", f"{BOOKS}/1"), ("BREW", BOOKS), ("POST", "/livez")]
)
def test_a_method_that_a_path_has_not_is_405_and_says_what_it_has(client: FlaskClient, method: str, path: str) -> None:
    response = client.open(path, method=method)

    assert_problem(response, 405)
    assert "GET" in response.headers["Allow"]


@pytest.mark.parametrize("key", ["", " ", "ä", "x" * 256, "a b"])
def test_a_bad_idempotency_key_is_400(client: FlaskClient, key: str) -> None:
    document = assert_problem(client.post(BOOKS, json=LEFT_HAND, headers={"Idempotency-Key": key}), 400)

    assert document["errors"][0]["header"] == "Idempotency-Key"


def exchange(server: Gunicorn, request: bytes, *, half_close: bool = False) -> bytes:
    """Send bytes to the server, and give all that it sends until it closes the connection."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(request)
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
        return answer


def post(*headers: str, body: str = "") -> bytes:
    lines = [f"POST {BOOKS} HTTP/1.1", "Host: x", "Connection: close", "Content-Type: application/json", *headers]
    return "\r\n".join([*lines, "", body]).encode()


@pytest.mark.parametrize(
    ("request_bytes", "half_close"),
    [
        (post("Content-Length: 1000", body="{}"), True),
        (post("Content-Length: -1", body="{}"), False),
        (post("Content-Length: many", body="{}"), False),
        (post("Content-Length: 2", "Content-Length: 3", body="{}"), False),
        (post("Transfer-Encoding: chunked", body="zz\r\n{}"), False),
        (post("Transfer-Encoding: chunked", body="2\r\n{}\r\n"), True),
        (b"NONSENSE\r\n\r\n", False),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n", False),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 9000 + b"\r\n\r\n", False),
    ],
)
def test_a_request_that_lies_about_itself_gets_a_4xx_with_its_reason(
    gunicorn: Gunicorn, request_bytes: bytes, half_close: bool
) -> None:
    head, _, body = exchange(gunicorn, request_bytes, half_close=half_close).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 4"), head
    assert b"application/problem+json" in head
    assert b'"detail"' in body


def test_a_client_that_stops_sending_does_not_hold_a_thread_for_good(gunicorn: Gunicorn) -> None:
    stuck = [socket.create_connection(("127.0.0.1", gunicorn.port)) for _ in range(4)]
    for connection in stuck:
        connection.settimeout(20)
        connection.sendall(post("Content-Length: 10"))
    for connection in stuck:
        assert connection.recv(1000).startswith(b"HTTP/1.1 400")
        connection.close()
