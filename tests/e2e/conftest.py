"""The cluster that KUBECONFIG names, as `make minikube` uses it, and a table of what was tried at the end."""

import contextlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from local.minikube import MinikubeError, delete, image_load
from tests.conftest import unavailable

ROOT = Path(__file__).resolve().parents[2]
URL = "http://127.0.0.1:30080"
NAMESPACE = "bookshelf"


def run(*command: str | Path, check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command, and on failure say what it said."""
    done = subprocess.run(command, text=True, capture_output=True, **options)
    assert not check or done.returncode == 0, f"{' '.join(map(str, command))}:\n{done.stdout}{done.stderr}"
    return done


def kubectl(*arguments: str | Path, **options: Any) -> str:
    """Run kubectl and give what it printed."""
    return run("kubectl", *arguments, **options).stdout


def get(*arguments: str) -> Any:
    """Objects of the cluster, as kubectl get names them."""
    return json.loads(kubectl("get", *arguments, "--output=json"))


def wait_until(condition: Callable[[], Any], *, seconds: float, what: str) -> Any:
    """Wait for `condition` to be true and give what it gave; a refused connection counts as false."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(requests.RequestException):
            if result := condition():
                return result
        assert time.monotonic() < deadline, f"not in {seconds} s: {what}"
        time.sleep(0.2)  # Between two looks, not instead of one.


def wait_for_rollout(namespace: str = NAMESPACE, seconds: int = 120) -> None:
    """Wait until the database and the API are as their objects say."""
    for workload in ("statefulset/database", "deployment/api"):
        kubectl("-n", namespace, "rollout", "status", workload, f"--timeout={seconds}s")


def api_pods(namespace: str = NAMESPACE) -> list[Any]:
    """The API's pods that are not about to go."""
    pods = get("pods", "-n", namespace, "-l", "app.kubernetes.io/component=api")["items"]
    return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]


def is_ready(pod: Any) -> bool:
    """Whether this pod may have traffic."""
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", []))


def make(target: str) -> str:
    """Run a command of the README."""
    return run("make", target, cwd=ROOT).stdout


@pytest.fixture(scope="session")
def load_image() -> Callable[[str], None]:
    """Copies an image from Docker into the cluster; also keeps these tests from a cluster that is not for trying."""
    try:
        command = image_load()
    except MinikubeError as error:
        unavailable(str(error))
    return lambda image: run(*command, image) and None


@pytest.fixture(scope="session")
def minikube(load_image: Callable[[str], None]) -> Iterator[str]:
    """The minikube overlay, brought up by `make minikube`."""
    make("minikube")
    yield URL
    make("minikube-down")


@pytest.fixture
def bookshelf(minikube: str) -> str:
    """The service's address, with one ready pod of the API, whatever the test before left."""
    kubectl("apply", "-k", ROOT / ".build" / "minikube")
    wait_for_rollout()
    wait_until(lambda: len(api_pods()) == 1, seconds=60, what="one pod")
    return minikube


@pytest.fixture(scope="session")
def image(minikube: str) -> str:
    """The image that the cluster runs."""
    return str(get("deployment", "api", "-n", NAMESPACE)["spec"]["template"]["spec"]["containers"][0]["image"])


@contextlib.contextmanager
def environment(namespace: str, image: str, *components: str, patches: str = "[]") -> Iterator[Path]:
    """The base with components in a namespace of its own, and with volumes of the cluster's own StorageClass.

    Gives the folder that was applied.
    """
    name, _, tag = image.rpartition(":")
    with tempfile.TemporaryDirectory() as folder:
        k8s = os.path.relpath(ROOT / "k8s", Path(folder).resolve())
        used = [f"{k8s}/components/{component}" for component in (*components, "generated-password")]
        (Path(folder) / "kustomization.yaml").write_text(
            f"namespace: {namespace}\n"
            f"resources: [{k8s}/base]\n"
            f"components: {json.dumps(used)}\n"
            f"images: [{{name: bookshelf-api, newName: '{name}', newTag: {tag}}}, {{name: postgres, newTag: '17'}}]\n"
            "configMapGenerator: [{name: api, behavior: merge, literals: [ALLOW_ANONYMOUS_WRITES=true]}]\n"
            f"patches: {patches}\n"
        )
        try:
            kubectl("apply", "-k", folder)
            yield Path(folder)
        finally:
            delete(namespace, Path(folder))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The table of what was run: the outcome, the seconds with all that the test needed, and what it counted."""
    seconds: dict[str, float] = {}
    outcomes: dict[str, str] = {}
    counted: dict[str, str] = {}
    for outcome in ("", "passed", "skipped", "failed", "error"):  # Setups and teardowns that went well have no name.
        for report in terminalreporter.stats.get(outcome, []):
            seconds[report.nodeid] = seconds.get(report.nodeid, 0) + report.duration
            if outcome:
                outcomes[report.nodeid] = outcome
            for _, value in report.user_properties:
                counted[report.nodeid] = f": {value}"
    terminalreporter.section("what was run")
    for test, outcome in outcomes.items():
        name = test.split("::")[-1].removeprefix("test_").replace("_", " ")
        terminalreporter.write_line(f"{outcome:<8}{seconds[test]:4.0f} s  {name}{counted.get(test, '')}")
