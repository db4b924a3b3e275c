"""What the people who run the service rely on: settings, tokens, probes, metrics and logs."""

import hashlib
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests
from bookshelf import __version__, create_app
from bookshelf.settings import Settings, SettingsError, load_settings
from flask.testing import FlaskClient

from tests.api.conftest import API, BOOKS, LEFT_HAND, Gunicorn, environment, execute, wait_until

URL = "postgresql://u:secret@localhost/x"


def sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DATABASE_URL", "mysql://localhost/x"),
        ("DATABASE_URL", "secret"),
        ("API_TOKEN_HASHES", "secret"),
        ("ALLOW_ANONYMOUS_WRITES", "secret"),
        ("BIND", "everywhere"),
        ("LOG_LEVEL", "loud"),
        ("PROXY_HOPS", "-1"),
        ("DRAIN_SECONDS", "long"),
        ("WEB_CONCURRENCY", "0"),
        ("THREADS", "many"),
    ],
)
def test_a_bad_setting_is_named_in_one_line_without_its_value(variable: str, value: str) -> None:
    with pytest.raises(SettingsError) as error:
        load_settings({"DATABASE_URL": URL, variable: value})

    assert str(error.value).startswith(f"{variable} ")
    assert "secret" not in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_setting_is_named() -> None:
    with pytest.raises(SettingsError, match="DATABASE_URL is not set"):
        load_settings({})


def test_a_setting_can_come_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text(URL + "\n")

    assert load_settings({"DATABASE_URL_FILE": str(secret)}).database_url.password == "secret"


def test_the_password_can_be_kept_apart_from_the_url(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("it's@secret:/\n")
    settings = load_settings({"DATABASE_URL": "postgresql://u@localhost/x", "DATABASE_PASSWORD_FILE": str(secret)})

    assert settings.database_url.password == "it's@secret:/"
    assert "secret" not in repr(settings)


def test_a_second_password_is_refused() -> None:
    with pytest.raises(SettingsError, match="DATABASE_URL is bad: has a password, and DATABASE_PASSWORD is set too"):
        load_settings({"DATABASE_URL": URL, "DATABASE_PASSWORD": "another"})


@pytest.mark.parametrize("both", [True, False])
def test_a_setting_given_twice_or_in_a_missing_file_is_refused(both: bool) -> None:
    with pytest.raises(SettingsError, match="DATABASE_URL_FILE"):
        load_settings({"DATABASE_URL_FILE": "/nowhere", **({"DATABASE_URL": URL} if both else {})})


def gunicorn_refuses(database_url: str, **settings: str) -> str:
    result = subprocess.run(
        ["gunicorn"], cwd=API, env=environment(database_url, **settings), capture_output=True, text=True, timeout=30
    )
    assert result.returncode != 0
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr


def test_a_bad_setting_stops_the_start_with_one_line() -> None:
    assert gunicorn_refuses(URL, LOG_LEVEL="loud").startswith("bookshelf: LOG_LEVEL is bad")


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0"])
def test_a_server_open_to_all_writers_does_not_start(address: str) -> None:
    assert "API_TOKEN_HASHES" in gunicorn_refuses(URL, BIND=address)


@pytest.mark.parametrize("protection", [{"API_TOKEN_HASHES": sha256("t")}, {"ALLOW_ANONYMOUS_WRITES": "true"}])
def test_a_server_that_is_protected_or_told_so_listens_everywhere(tmp_path: Path, protection: dict[str, str]) -> None:
    with Gunicorn(URL, tmp_path / "log", host="0.0.0.0", **protection) as server:
        pass
    assert server.process.returncode == 0


@pytest.fixture
def guarded(database_url: str, empty: None) -> FlaskClient:
    hashes = f"{sha256('old')}, {sha256('new').upper()}"
    return create_app(Settings.model_validate({"database_url": database_url, "api_token_hashes": hashes})).test_client()


WRITES = [
    ("POST", BOOKS),
    ("PUT", f"{BOOKS}/1"),
    ("PATCH", f"{BOOKS}/1"),
    ("DELETE", f"{BOOKS}/1"),
    ("POST", f"{BOOKS}/import"),
]


@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize("authorization", [None, "Bearer wrong", "Bearer", "Bearer ", "Basic bmV3", "new", "Bearer ä"])
def test_writing_without_a_valid_token_is_401(
    guarded: FlaskClient, method: str, path: str, authorization: str | None
) -> None:
    headers = {"Authorization": authorization} if authorization else {}

    response = guarded.open(path, method=method, json=LEFT_HAND, headers=headers)

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer realm=")
    assert response.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("token", ["old", "new"])
def test_each_of_several_tokens_may_write(guarded: FlaskClient, token: str) -> None:
    assert guarded.post(BOOKS, json=LEFT_HAND, headers={"Authorization": f"Bearer {token}"}).status_code == 201


def test_reading_needs_no_token(guarded: FlaskClient) -> None:
    assert guarded.get(BOOKS).status_code == 200


def test_the_version_names_the_commit_and_the_host(database_url: str) -> None:
    settings = Settings.model_validate({"database_url": database_url, "git_commit": "abc"})

    answer = create_app(settings).test_client().get("/version").json

    assert answer["version"] == __version__
    assert answer["commit"] == "abc"
    assert answer["hostname"]


def test_liveness_asks_nothing_of_the_database() -> None:
    client = create_app(Settings.model_validate({"database_url": "postgresql://127.0.0.1:1/x"})).test_client()

    assert client.get("/livez").status_code == 200
    assert client.get("/readyz").status_code == 503


def test_readiness_follows_the_migrations(app: Any, client: FlaskClient, database_url: str) -> None:
    def ready_at(revision: str) -> int:
        execute(database_url, f"UPDATE alembic_version SET version_num = '{revision}'")
        return client.get("/readyz").status_code

    (head,) = execute(database_url, "SELECT version_num FROM alembic_version")[0]
    known = app.extensions["bookshelf.revisions"]
    try:
        assert ready_at("from_a_newer_release") == 200
        known.add("older")
        assert ready_at("older") == 503
    finally:
        known.discard("older")
        assert ready_at(head) == 200


def test_readiness_is_false_before_the_first_migration(postgres: Any) -> None:
    execute(postgres.url(), "CREATE DATABASE unmigrated")
    client = create_app(Settings(database_url=postgres.url("unmigrated"))).test_client()

    response = client.get("/readyz")

    assert response.status_code == 503
    assert "flask db upgrade" in response.json["detail"]


def test_forwarded_headers_count_only_where_proxies_are_configured(database_url: str) -> None:
    headers = {"X-Forwarded-Prefix": "/shelf", "X-Forwarded-For": "203.0.113.9"}
    for hops, location in ((0, f"{BOOKS}/"), (1, f"/shelf{BOOKS}/")):
        settings = Settings.model_validate({"database_url": database_url, "proxy_hops": hops})
        response = create_app(settings).test_client().post(BOOKS, json=LEFT_HAND, headers=headers)
        assert response.headers["Location"].startswith(location)


def test_a_request_id_is_taken_or_given(client: FlaskClient) -> None:
    given = client.get("/livez", headers={"X-Request-ID": "abc-123"}).headers["X-Request-ID"]
    bad = client.get("/livez", headers={"X-Request-ID": 'a"b c' * 99}).headers["X-Request-ID"]

    assert given == "abc-123"
    assert len(bad) == 32


def test_each_request_has_one_access_line_without_secrets(gunicorn: Gunicorn, empty: None) -> None:
    headers = {"X-Request-ID": "find-me", "Authorization": "Bearer secret-token"}
    requests.get(f"{gunicorn.url}{BOOKS}?q=secret-query", headers=headers, timeout=9)

    def lines() -> list[dict[str, Any]]:
        return [line for line in gunicorn.lines() if line.get("request_id") == "find-me"]

    wait_until(lines)  # It is written when the answer has been sent.
    (line,) = lines()
    assert line.items() >= {"logger": "access", "method": "GET", "path": BOOKS, "status": 200}.items()
    assert "secret" not in gunicorn.log.read_text()


def test_every_line_of_the_log_is_json_with_time_and_level(gunicorn: Gunicorn) -> None:
    assert all({"time", "level", "logger"} <= line.keys() for line in gunicorn.lines())


def test_an_unexpected_error_is_logged_with_its_request_and_tells_the_client_nothing(
    app: Any, client: FlaskClient, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    execute(database_url, "ALTER TABLE books RENAME TO shelved")
    try:
        response = client.get(BOOKS)
    finally:
        execute(database_url, "ALTER TABLE shelved RENAME TO books")
    assert response.status_code == 500
    assert "shelved" not in response.text and "books" not in response.json["detail"]
    assert any(record.exc_info for record in caplog.records)


def test_metrics_add_up_across_workers(gunicorn: Gunicorn) -> None:
    def counted() -> float:
        name = 'http_request_duration_seconds_count{method="GET",route="/version",status="200"} '
        text = requests.get(f"{gunicorn.url}/metrics", timeout=9).text
        return next((float(line.removeprefix(name)) for line in text.splitlines() if line.startswith(name)), 0)

    before = counted()
    for _ in range(40):  # Each on a connection of its own, so that both workers get some.
        requests.get(f"{gunicorn.url}/version", timeout=9)
    assert {counted() for _ in range(6)} == {before + 40}


def test_unknown_paths_and_methods_make_no_new_metrics(gunicorn: Gunicorn) -> None:
    requests.request("BREW", f"{gunicorn.url}/a-path-of-its-own", timeout=9)

    text = requests.get(f"{gunicorn.url}/metrics", timeout=9).text
    assert "BREW" not in text and "a-path-of-its-own" not in text
