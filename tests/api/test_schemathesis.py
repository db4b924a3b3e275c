"""Requests made from the OpenAPI document, good and bad, with every check of Schemathesis."""

import hashlib
import subprocess
from pathlib import Path

from local.postgres import Server
from tests.api.conftest import ROOT, Gunicorn, environment, execute, flask


def test_the_server_does_what_its_openapi_document_says(postgres: Server, tmp_path: Path) -> None:
    execute(postgres.url(), "CREATE DATABASE schemathesis")
    url = postgres.url("schemathesis")
    assert flask(url, "db", "upgrade").returncode == 0
    token = "only-for-this-test"
    hashes = hashlib.sha256(token.encode()).hexdigest()
    with Gunicorn(url, tmp_path / "log", API_TOKEN_HASHES=hashes) as server:
        run = subprocess.run(
            [
                *("st", "--config-file", "tests/api/schemathesis.toml", "run", f"{server.url}/api/openapi.json"),
                *("--checks", "all", "--max-examples", "30", "--header", f"Authorization: Bearer {token}"),
                *("--generation-database", "none", "--continue-on-failure"),
            ],
            cwd=ROOT,
            env=environment(url, SCHEMATHESIS_HOOKS="tests.api.schemathesis_hooks"),
            capture_output=True,
            text=True,
        )
    assert run.returncode == 0, run.stdout[-6000:]
    errors = [line for line in server.lines() if line["level"] == "error"]
    assert errors == []
