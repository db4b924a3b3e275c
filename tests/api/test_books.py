"""One book at a time: create, get, replace, patch, delete."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.api.conftest import BOOKS, LEFT_HAND, execute

EVERY_MEMBER = {
    **LEFT_HAND,
    "description": "An envoy on a world without fixed sexes.",
    "isbn": "9780441478125",
    "read": True,
}


def created(client: FlaskClient, **members: Any) -> dict[str, Any]:
    response = client.post(BOOKS, json=LEFT_HAND | members)
    assert response.status_code == 201, response.text
    return dict(response.json)


def test_a_created_book_is_answered_with_its_location_and_etag(client: FlaskClient) -> None:
    response = client.post(BOOKS, json=EVERY_MEMBER)

    assert response.status_code == 201
    assert response.headers["Location"] == f"{BOOKS}/{response.json['id']}"
    assert response.headers["ETag"] == '"1"'
    assert response.json.items() >= EVERY_MEMBER.items()
    assert client.get(response.headers["Location"]).json == response.json


def test_members_that_are_left_out_get_defaults(client: FlaskClient) -> None:
    book = created(client)

    assert (book["description"], book["isbn"], book["read"], book["version"]) == ("", None, False, 1)


@pytest.mark.parametrize("given", ["0441478123", "0-441-47812-3", "978-0-441-47812-5", "9780441478125"])
def test_an_isbn_is_kept_as_isbn_13_without_hyphens(client: FlaskClient, given: str) -> None:
    assert created(client, isbn=given)["isbn"] == "9780441478125"


def test_two_books_cannot_have_one_isbn(client: FlaskClient) -> None:
    created(client, isbn="0441478123")

    response = client.post(BOOKS, json={**LEFT_HAND, "isbn": "9780441478125"})

    assert response.status_code == 409
    assert response.json["errors"] == [{"pointer": "#/isbn", "detail": "is the ISBN of another book"}]


def test_a_year_before_christ_is_negative(client: FlaskClient) -> None:
    assert created(client, published_year=-700)["published_year"] == -700


def test_surrounding_blanks_are_cut_off(client: FlaskClient) -> None:
    assert created(client, title="  Dune ")["title"] == "Dune"


def test_an_unknown_book_is_404(client: FlaskClient) -> None:
    response = client.get(f"{BOOKS}/1")

    assert response.status_code == 404
    assert response.json["detail"] == "There is no book 1."


def test_a_known_version_is_answered_with_304_and_no_body(client: FlaskClient) -> None:
    path = f"{BOOKS}/{created(client)['id']}"

    response = client.get(path, headers={"If-None-Match": '"7", W/"1"'})

    assert (response.status_code, response.data, response.headers["ETag"]) == (304, b"", '"1"')


def test_another_version_is_answered_in_full(client: FlaskClient) -> None:
    path = f"{BOOKS}/{created(client)['id']}"

    assert client.get(path, headers={"If-None-Match": '"0"'}).status_code == 200


def test_replace_sets_what_is_left_out_to_its_default(client: FlaskClient) -> None:
    book = created(client, read=True, isbn="9780441478125")

    response = client.put(f"{BOOKS}/{book['id']}", json=LEFT_HAND, headers={"If-Match": '"1"'})

    assert response.status_code == 200
    assert (response.json["read"], response.json["isbn"], response.headers["ETag"]) == (False, None, '"2"')


@pytest.mark.parametrize("media_type", ["application/merge-patch+json", "application/json"])
def test_patch_changes_only_the_members_that_are_sent(client: FlaskClient, media_type: str) -> None:
    book = created(client, isbn="9780441478125")

    response = client.patch(
        f"{BOOKS}/{book['id']}", data='{"read": true}', content_type=media_type, headers={"If-Match": '"1"'}
    )

    changed = {"read": True, "version": 2, "updated_at": response.json["updated_at"]}
    assert response.json == book | changed
    assert response.json["updated_at"] > book["updated_at"]


def test_patch_with_null_takes_a_value_away(client: FlaskClient) -> None:
    book = created(client, isbn="9780441478125")

    response = client.patch(
        f"{BOOKS}/{book['id']}", json={"isbn": None, "published_year": None}, headers={"If-Match": "*"}
    )

    assert (response.json["isbn"], response.json["published_year"]) == (None, None)


def test_patch_cannot_take_the_title_away(client: FlaskClient) -> None:
    book = created(client)

    response = client.patch(f"{BOOKS}/{book['id']}", json={"title": None}, headers={"If-Match": "*"})

    assert response.status_code == 422
    assert response.json["errors"][0]["pointer"] == "#/title"


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_an_edit_of_a_stale_version_is_refused_with_412_and_the_current_etag(client: FlaskClient, method: str) -> None:
    path = f"{BOOKS}/{created(client)['id']}"
    client.patch(path, json={"read": True}, headers={"If-Match": '"1"'})

    response = getattr(client, method)(path, json=LEFT_HAND, headers={"If-Match": '"1"'})

    assert (response.status_code, response.headers["ETag"]) == (412, '"2"')
    assert client.get(path).json["read"] is True


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_an_edit_that_does_not_say_what_it_knows_is_refused_with_428(client: FlaskClient, method: str) -> None:
    path = f"{BOOKS}/{created(client)['id']}"

    response = getattr(client, method)(path, json=LEFT_HAND)

    assert response.status_code == 428
    assert client.get(path).json["version"] == 1


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_an_edit_of_an_unknown_book_is_404(client: FlaskClient, method: str) -> None:
    assert getattr(client, method)(f"{BOOKS}/1", json=LEFT_HAND, headers={"If-Match": "*"}).status_code == 404


@pytest.mark.parametrize("tags", ['W/"1"', '"one"', '"99999999999999999999999"'])
def test_an_etag_that_no_version_has_never_matches(client: FlaskClient, tags: str) -> None:
    path = f"{BOOKS}/{created(client)['id']}"

    assert client.delete(path, headers={"If-Match": tags}).status_code == 412


def test_of_many_editors_of_one_version_exactly_one_succeeds(app: Any, client: FlaskClient) -> None:
    path = f"{BOOKS}/{created(client)['id']}"

    def edit(year: int) -> int:
        headers = {"If-Match": '"1"'}
        return int(app.test_client().patch(path, json={"published_year": year}, headers=headers).status_code)

    with ThreadPoolExecutor(4) as editors:
        statuses = sorted(editors.map(edit, range(1900, 1920)))
    assert statuses == [200, *[412] * 19]


def test_a_deleted_book_is_gone(client: FlaskClient) -> None:
    path = f"{BOOKS}/{created(client)['id']}"

    response = client.delete(path, headers={"If-Match": '"1"'})

    assert (response.status_code, response.data) == (204, b"")
    assert client.get(path).status_code == 404


def test_a_creation_sent_again_with_its_key_gives_the_same_book(client: FlaskClient, database_url: str) -> None:
    first, second = (client.post(BOOKS, json=LEFT_HAND, headers={"Idempotency-Key": "k"}) for _ in range(2))

    assert (second.status_code, second.json, second.headers["Location"]) == (201, first.json, first.headers["Location"])
    assert second.headers["Idempotency-Replayed"] == "true"
    assert execute(database_url, "SELECT count(*) FROM books") == [(1,)]


def test_a_key_with_another_body_is_refused(client: FlaskClient) -> None:
    client.post(BOOKS, json=LEFT_HAND, headers={"Idempotency-Key": "k"})

    response = client.post(BOOKS, json={**LEFT_HAND, "read": True}, headers={"Idempotency-Key": "k"})

    assert response.status_code == 409
    assert response.json["errors"][0]["header"] == "Idempotency-Key"


def test_a_key_whose_creation_failed_can_be_used_again(client: FlaskClient) -> None:
    book = created(client, isbn="9780441478125")
    request = {"json": {**LEFT_HAND, "isbn": "9780441478125"}, "headers": {"Idempotency-Key": "k"}}
    assert client.post(BOOKS, **request).status_code == 409
    client.delete(f"{BOOKS}/{book['id']}", headers={"If-Match": "*"})

    assert client.post(BOOKS, **request).status_code == 201


def test_a_key_is_forgotten_after_a_day(client: FlaskClient, database_url: str) -> None:
    first = client.post(BOOKS, json=LEFT_HAND, headers={"Idempotency-Key": "k"})
    execute(database_url, "UPDATE idempotency_keys SET created_at = now() - interval '25 hours'")

    second = client.post(BOOKS, json=LEFT_HAND, headers={"Idempotency-Key": "k"})

    assert second.status_code == 201
    assert second.json["id"] != first.json["id"]


def test_many_requests_at_once_with_one_key_create_one_book(app: Any, client: FlaskClient, database_url: str) -> None:
    def create(_: int) -> int:
        response = app.test_client().post(BOOKS, json=LEFT_HAND, headers={"Idempotency-Key": "k"})
        return int(response.json["id"])

    with ThreadPoolExecutor(4) as clients:
        ids = set(clients.map(create, range(12)))
    assert len(ids) == 1
    assert execute(database_url, "SELECT count(*) FROM books") == [(1,)]
