"""Each component, on the base, in a namespace of its own."""

import contextlib
import json
import socket
import threading
from pathlib import Path

import requests

from tests.conftest import unavailable
from tests.e2e.conftest import (
    AT_OTHER_URL,
    OTHER_URL,
    environment,
    get,
    kubectl,
    run,
    wait_for_rollout,
    wait_until,
)
from tests.e2e.registry import PASSWORD, USER, registry

HOST = "bookshelf.example.com"


def status(certificate: Path, host: str, path: str) -> str:
    """The status of a request to the Ingress controller on this machine that trusts `certificate` alone."""
    options = ["--silent", "--cacert", certificate, "--resolve", f"{host}:443:127.0.0.1", "--output", "/dev/null"]
    return run("curl", *options, "--write-out", "%{http_code}", f"https://{host}{path}", check=False).stdout


def test_the_ingress_routes_by_host_and_path_with_tls(image: str, tmp_path: Path) -> None:
    key, certificate = tmp_path / "tls.key", tmp_path / "tls.crt"
    run(
        *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", f"/CN={HOST}"),
        *("-addext", f"subjectAltName=DNS:{HOST}", "-keyout", key, "-out", certificate),
    )
    namespace = "bookshelf-ingress"
    with environment(namespace, image, "ingress"):
        kubectl("-n", namespace, "create", "secret", "tls", "bookshelf-tls", f"--cert={certificate}", f"--key={key}")
        wait_for_rollout(namespace)

        wait_until(
            lambda: status(certificate, HOST, "/api/v1/books") == "200",
            seconds=30,
            what="the catalogue by its host name, with the certificate of the Secret",
        )
        assert status(certificate, HOST, "/") == "200"
        assert requests.get("http://127.0.0.1/api/v1/books", headers={"Host": HOST}, timeout=10).json()["items"] == []
        assert 'id="root"' in requests.get("http://127.0.0.1/", headers={"Host": HOST}, timeout=10).text
        other = requests.get("http://127.0.0.1/api/v1/books", headers={"Host": "other.example.com"}, timeout=10)
        assert other.status_code == 404


def test_autoscaling_adds_pods_under_load_and_takes_them_away_after_it(image: str) -> None:
    namespace = "bookshelf-autoscaling"
    quicker = [
        {"op": "replace", "path": "/spec/minReplicas", "value": 1},
        {"op": "replace", "path": "/spec/maxReplicas", "value": 3},
        {"op": "replace", "path": "/spec/behavior/scaleDown/stabilizationWindowSeconds", "value": 15},
        {"op": "replace", "path": "/spec/behavior/scaleDown/policies/0/periodSeconds", "value": 15},
    ]
    patches = [AT_OTHER_URL, {"target": {"kind": "HorizontalPodAutoscaler"}, "patch": json.dumps(quicker)}]
    enough = threading.Event()

    def replicas() -> int:
        return int(get("deployment", "api", "-n", namespace)["status"].get("readyReplicas", 0))

    def ask() -> None:
        with requests.Session() as session:
            while not enough.is_set():
                with contextlib.suppress(requests.RequestException):
                    session.get(f"{OTHER_URL}/api/v1/books", timeout=10)

    with environment(namespace, image, "autoscaling", patches=patches):
        wait_for_rollout(namespace)
        wait_until(lambda: replicas() == 1, seconds=60, what="one pod")
        clients = [threading.Thread(target=ask) for _ in range(2)]
        for client in clients:
            client.start()
        try:
            wait_until(lambda: replicas() >= 2, seconds=120, what="more pods under load")
        finally:
            enough.set()
        for client in clients:
            client.join()
        wait_until(lambda: replicas() == 1, seconds=180, what="one pod after the load")


def test_an_image_of_a_private_registry_is_pulled_with_the_secret_and_not_without(image: str, tmp_path: Path) -> None:
    [node] = get("nodes")["items"]
    address = next(a["address"] for a in node["status"]["addresses"] if a["type"] == "InternalIP")
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            unavailable("a cluster whose node is this machine: it has to reach a registry on 127.0.0.1")
    namespace = "bookshelf-registry"
    archive = tmp_path / "image.tar"
    run("docker", "save", "--output", archive, image)

    def refused() -> bool:
        pods = get("pods", "-n", namespace, "-l", "app.kubernetes.io/component=api")["items"]
        states = [
            s.get("state", {}).get("waiting", {}) for p in pods for s in p["status"].get("initContainerStatuses", [])
        ]
        return any("401 Unauthorized" in state.get("message", "") for state in states)

    with registry(archive) as server, environment(namespace, f"{server}/{image}", "private-registry"):
        wait_until(refused, seconds=60, what="the registry refuses those without a login")
        login = [f"--docker-server={server}", f"--docker-username={USER}", f"--docker-password={PASSWORD}"]
        kubectl("-n", namespace, "create", "secret", "docker-registry", "registry", *login)
        wait_for_rollout(namespace)
