"""The cluster that KUBECONFIG names, as `make minikube` uses it, and a table of what was tried at the end."""

import contextlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import requests

from local.minikube import MinikubeError, delete, image_load, running_image
from tests.conftest import unavailable

ROOT = Path(__file__).resolve().parents[2]
URL = "http://127.0.0.1:30080"
NAMESPACE = "bookshelf"
OTHER_URL = "http://127.0.0.1:30081"
AT_OTHER_URL = {
    "target": {"kind": "Service", "name": "api"},
    "patch": (
        "- {op: add, path: /spec/type, value: NodePort}\n- {op: add, path: /spec/ports/0/nodePort, value: 30081}\n"
    ),
}
"""The patch that has the API of an environment answer at `OTHER_URL`."""


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
    """Wait until the database, the API and the page are as their objects say."""
    for workload in ("statefulset/database", "deployment/api", "deployment/web"):
        kubectl("-n", namespace, "rollout", "status", workload, f"--timeout={seconds}s")


def pods_of(component: str) -> list[Any]:
    """The pods of `api` or `web` that are not about to go."""
    pods = get("pods", "-n", NAMESPACE, "-l", f"app.kubernetes.io/component={component}")["items"]
    return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]


def api_pods() -> list[Any]:
    """The API's pods that are not about to go."""
    return pods_of("api")


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
    """The page's address, with one ready pod of it and one of the API, whatever the test before left."""
    kubectl("apply", "-k", ROOT / ".build" / "minikube")
    wait_for_rollout()
    wait_until(lambda: len(api_pods()) == len(pods_of("web")) == 1, seconds=60, what="one pod of each")
    return minikube


@pytest.fixture(scope="session")
def image(minikube: str) -> str:
    """The API's image that the cluster runs."""
    return running_image("api")


def build_and_load(load_image: Callable[[str], None], folder: Path, commit: str) -> str:
    """Another image of the API, made of `folder`, in the cluster."""
    digest = run("docker", "build", "--quiet", f"--build-arg=COMMIT={commit}", folder).stdout.strip()
    name = f"bookshelf-api:{digest.removeprefix('sha256:')[:12]}"
    run("docker", "tag", digest, name)
    load_image(name)
    return name


@pytest.fixture(scope="session")
def next_image(load_image: Callable[[str], None]) -> str:
    """The API's next image."""
    return build_and_load(load_image, ROOT / "services" / "api", "next")


@contextlib.contextmanager
def environment(namespace: str, image: str, *components: str, patches: Sequence[Any] = ()) -> Iterator[Path]:
    """The base with components in a namespace of its own, and with volumes of the cluster's own StorageClass.

    `image` is the API's; the page's is the one that the cluster runs. Gives the folder that was applied.
    """
    images = [{"name": "postgres", "newTag": "17"}]
    for name, used in (("bookshelf-api", image), ("bookshelf-web", running_image("web"))):
        new_name, _, tag = used.rpartition(":")
        images.append({"name": name, "newName": new_name, "newTag": tag})
    with tempfile.TemporaryDirectory() as folder:
        k8s = os.path.relpath(ROOT / "k8s", Path(folder).resolve())
        used = [f"{k8s}/components/{component}" for component in (*components, "generated-password")]
        (Path(folder) / "kustomization.yaml").write_text(
            f"namespace: {namespace}\n"
            f"resources: [{k8s}/base]\n"
            f"components: {json.dumps(used)}\n"
            f"images: {json.dumps(images)}\n"
            "configMapGenerator: [{name: api, behavior: merge, literals: [ALLOW_ANONYMOUS_WRITES=true]}]\n"
            f"patches: {json.dumps(list(patches))}\n"
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
