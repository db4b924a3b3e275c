"""A git server in the cluster, Argo CD that watches it, and a clone that the tests commit to."""

import contextlib
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from local.minikube import build
from tests.api.conftest import free_port
from tests.conftest import unavailable
from tests.e2e.conftest import (
    ROOT,
    URL,
    get,
    kubectl,
    load_image,
    next_image,
    pytest_terminal_summary,
    run,
    wait_until,
)

__all__ = ["load_image", "next_image", "pytest_terminal_summary"]  # pytest finds them by their names.

APPLICATION = "bookshelf-minikube"
GIT_NAMESPACE = "bookshelf-git"
ADDRESS = f"git://git.{GIT_NAMESPACE}.svc.cluster.local/bookshelf.git"

GIT_SERVER = """
apiVersion: v1
kind: Namespace
metadata: {{name: {namespace}}}
---
apiVersion: v1
kind: Service
metadata: {{name: git, namespace: {namespace}}}
spec:
  selector: {{app: git}}
  ports: [{{port: 9418}}]
---
apiVersion: v1
kind: Pod
metadata: {{name: git, namespace: {namespace}, labels: {{app: git}}}}
spec:
  automountServiceAccountToken: false
  containers:
    - name: git
      image: {image}
      imagePullPolicy: IfNotPresent
      command: [sh, -ec]
      args:
        - |
          git init --quiet --bare --initial-branch=main /tmp/repositories/bookshelf.git
          exec git daemon --reuseaddr --export-all --enable=receive-pack --base-path=/tmp/repositories
      readinessProbe: {{tcpSocket: {{port: 9418}}, periodSeconds: 1}}
"""


def application(name: str = APPLICATION) -> Any:
    """What Argo CD says of an Application, at first nothing."""
    return {"status": {}} | get("applications.argoproj.io", name, "-n", "argocd")


def refresh(name: str = APPLICATION) -> None:
    """Have Argo CD look at git now, as a webhook does."""
    kubectl("-n", "argocd", "annotate", "--overwrite", "application", name, "argocd.argoproj.io/refresh=normal")


class Repository:
    """The clone that stands for a team's own, and the branch that Argo CD delivers."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.overlay = folder / "k8s" / "overlays" / "minikube"
        self._port = port

    def git(self, *arguments: str) -> str:
        """Run git in the clone."""
        identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
        return run("git", *identity, *arguments, cwd=self.folder).stdout.strip()

    def edit(self, path: str, pattern: str, replacement: str) -> None:
        """Replace what a pattern matches in one file; it has to match."""
        file = self.folder / path
        text, matches = re.subn(pattern, replacement, file.read_text(), flags=re.MULTILINE)
        assert matches, f"{pattern} is not in {path}"
        file.write_text(text)

    def set_tag(self, image: str, tag: str) -> None:
        """Change the tag of one of the overlay's images, whether there is such an image or not."""
        pattern = rf"(- name: {image}\n(?:  newName: .*\n)?  newTag: ).*"
        self.edit("k8s/overlays/minikube/image/kustomization.yaml", pattern, rf"\g<1>{tag}")

    def commit(self, message: str) -> None:
        """Commit all changes."""
        self.git("add", "--all")
        self.git("commit", "--quiet", f"--message={message}")

    def push(self) -> None:
        """Push, and have Argo CD look."""
        self.git("push", "--quiet", "--force", f"git://127.0.0.1:{self._port}/bookshelf.git", "HEAD:main")
        if kubectl("-n", "argocd", "get", "application", APPLICATION, "--ignore-not-found"):
            refresh()

    @property
    def head(self) -> str:
        """The newest commit."""
        return self.git("rev-parse", "HEAD")

    def promote(self, image: str) -> None:
        """Change the image by the README's command."""
        run("make", "promote", "TO=minikube", f"IMAGE={image}", cwd=self.folder)


def synced_and_healthy(repository: Repository) -> bool:
    """Whether the newest commit is what runs, and runs well."""
    status = application()["status"]
    return (
        status.get("sync", {}).get("status") == "Synced"
        and status["sync"].get("revision") == repository.head
        and status.get("health", {}).get("status") == "Healthy"
        and status.get("operationState", {}).get("phase") == "Succeeded"
    )


def wait_for_delivery(repository: Repository, seconds: float = 180) -> None:
    """Wait until the newest commit is Synced and Healthy."""
    wait_until(lambda: synced_and_healthy(repository), seconds=seconds, what="Synced and Healthy at the newest commit")


@contextlib.contextmanager
def git_server() -> Iterator[int]:
    """A git server in the cluster, which Argo CD's own image has; gives the port that reaches it from here."""
    image = get("deployment", "argocd-repo-server", "-n", "argocd")["spec"]["template"]["spec"]["containers"][0][
        "image"
    ]
    kubectl("apply", "-f", "-", input=GIT_SERVER.format(namespace=GIT_NAMESPACE, image=image))
    kubectl("-n", GIT_NAMESPACE, "wait", "--for=condition=Ready", "pod/git", "--timeout=60s")
    port = free_port()
    forward = subprocess.Popen(
        ["kubectl", "-n", GIT_NAMESPACE, "port-forward", "service/git", f"{port}:9418"], stdout=subprocess.DEVNULL
    )
    try:
        yield port
    finally:
        forward.terminate()
        forward.wait()
        kubectl("delete", "namespace", GIT_NAMESPACE)


@pytest.fixture(scope="session")
def image(load_image: Callable[[str], None]) -> str:
    """The API's first image."""
    image = build("api")
    load_image(image)
    return image


@pytest.fixture(scope="session")
def web_image(load_image: Callable[[str], None]) -> str:
    """The page's image."""
    image = build("web")
    load_image(image)
    return image


@pytest.fixture(scope="session")
def delivered(image: str, web_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    """The minikube overlay, delivered from git after one kubectl apply of the root; all is gone at the end."""
    if not kubectl("get", "deployment", "argocd-repo-server", "-n", "argocd", "--ignore-not-found", check=False):
        unavailable("Argo CD in the namespace argocd")
    folder = tmp_path_factory.mktemp("clone") / "bookshelf"
    run("git", "clone", "--quiet", ROOT, folder)
    with git_server() as port:
        repository = Repository(folder, port)
        repository.edit("argocd/base/repository.yaml", "address: .*", f"address: {ADDRESS}")
        # Or else a commit that fails would take three minutes to count as failed.
        repository.edit("k8s/base/api/deployment.yaml", "progressDeadlineSeconds: .*", "progressDeadlineSeconds: 30")
        repository.set_tag("bookshelf-web", web_image.partition(":")[2])
        repository.commit("Our own repository")
        repository.promote(image)
        wait_until(lambda: pushed(repository), seconds=20, what="the git server")
        kubectl("apply", "-k", folder / "argocd" / "minikube")
        try:
            wait_for_delivery(repository)
            yield repository
        finally:
            kubectl("-n", "argocd", "delete", "application", "bookshelf-root-minikube", APPLICATION)
            kubectl("delete", "-k", folder / "argocd" / "minikube", "--ignore-not-found")
            kubectl("delete", "-k", repository.overlay, "--ignore-not-found")


def pushed(repository: Repository) -> bool:
    with contextlib.suppress(AssertionError):
        repository.push()
        return True
    return False


@pytest.fixture
def repository(delivered: Repository) -> Iterator[Repository]:
    """The repository, delivered; whatever the test commits is reverted after it, and delivered again."""
    before = delivered.head
    yield delivered
    if delivered.head != before or delivered.git("status", "--porcelain"):
        delivered.git("reset", "--quiet", "--hard", before)
        delivered.git("clean", "--quiet", "--force", "-d")
        delivered.push()
    wait_for_delivery(delivered)
    wait_until(lambda: requests.get(f"{URL}/api/v1/books?limit=1", timeout=5).ok, seconds=60, what="the service")
