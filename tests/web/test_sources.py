"""What the page is built from."""

import json
import subprocess
from pathlib import Path

from local.page import WEB
from tests.api.conftest import flask
from tests.conftest import install_packages


def test_the_client_s_types_are_those_of_the_openapi_document(tmp_path: Path) -> None:
    install_packages()
    document, types = tmp_path / "openapi.json", tmp_path / "schema.d.ts"
    written = flask("postgresql://nowhere", "openapi", "--output", str(document))
    assert written.returncode == 0, written.stderr
    command = ["npm", "run", "--silent", "types", "--", document, "--output", types]
    subprocess.run(command, cwd=WEB, check=True, capture_output=True)

    assert types.read_text() == (WEB / "src" / "api" / "schema.d.ts").read_text(), "stale: run make types"


def test_every_package_is_locked_by_its_hash() -> None:
    locks = [WEB / "package-lock.json", Path(__file__).parent / "package-lock.json"]
    packages = [found for lock in locks for found in json.loads(lock.read_text())["packages"].items()]

    assert len(packages) > 100
    assert [name for name, package in packages if name and "integrity" not in package] == []
