"""`make minikube` and `make minikube-down`: the minikube overlay on the cluster at hand, from this checkout."""

import argparse
import http.client
import os
import shlex
import shutil
import subprocess
import sys
import tomllib
import urllib.request
from pathlib import Path

from local.run import API, ROOT, commit, fail

OVERLAY = ROOT / "k8s" / "overlays" / "minikube"
PINNED = ROOT / ".build" / "minikube"
PORT = 30080
READY_SECONDS = 180
SERVICES = {"api": ["containers", "initContainers"], "web": ["containers"]}
"""Each folder of services/ is a Deployment of its name, whose containers of these kinds run its image."""


class MinikubeError(Exception):
    """It can't go on; the message is one line that says what to do."""


def main() -> int:
    """Bring Bookshelf up on the cluster, or take it down."""
    parser = argparse.ArgumentParser(prog="python -m local.minikube", description=__doc__)
    parser.add_argument("command", choices=["up", "down"])
    arguments = parser.parse_args()
    try:
        load = image_load()
        if arguments.command == "up":
            up(load)
        else:
            down()
    except MinikubeError as error:
        return fail(str(error))
    except subprocess.CalledProcessError as error:
        return fail(f"{shlex.join(map(str, error.cmd))} failed, see above")
    return 0


def image_load() -> list[str]:
    """The command that copies images into the cluster: $IMAGE_LOAD, minikube's or kind's.

    It is also what keeps us from deploying to the wrong cluster: a context of another kind is refused.

    Raises:
        MinikubeError: no kubectl is there, no cluster answers, or it is of another kind.
    """
    if not shutil.which("kubectl"):
        raise MinikubeError("kubectl is not installed: https://kubernetes.io/docs/tasks/tools")
    context = subprocess.run(["kubectl", "config", "current-context"], capture_output=True, text=True).stdout.strip()
    if subprocess.run(["kubectl", "version", "--request-timeout=10s"], capture_output=True).returncode:
        raise MinikubeError(f"no cluster answers at kubectl's context {context or '(none)'}: run minikube start")
    if given := os.environ.get("IMAGE_LOAD"):
        return shlex.split(given)
    if context.startswith("kind-"):
        return ["kind", "load", "docker-image", "--name", context.removeprefix("kind-")]
    if context == "minikube":
        return ["minikube", "image", "load"]
    raise MinikubeError(
        f"kubectl's context {context} is neither minikube's nor kind's: choose one with kubectl config use-context, "
        "or set IMAGE_LOAD to the command that loads an image into this cluster"
    )


def up(load: list[str]) -> None:
    """Build the images, load them into the cluster with the command `load`, apply the overlay and wait until it serves.

    Raises:
        MinikubeError: it does not get ready.
        subprocess.CalledProcessError: a command failed.
    """
    images = {service: build(service) for service in SERVICES}
    for service, image in images.items():
        if running_image(service) != image:
            print(f"Loading {image} into the cluster ...", flush=True)
            subprocess.run([*load, image], check=True)
    make_volumes_available()
    PINNED.mkdir(parents=True, exist_ok=True)
    (PINNED / "kustomization.yaml").write_text(
        "# Written by make minikube: the overlay with the images that it built.\n"
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
        f"resources: [{os.path.relpath(OVERLAY, PINNED)}]\n"
        "patches:\n" + "".join(pin(service, image) for service, image in images.items())
    )
    subprocess.run(["kubectl", "apply", "-k", PINNED], check=True)
    for workload in ("statefulset/database", *(f"deployment/{service}" for service in SERVICES)):
        print(f"Waiting for {workload} ...", flush=True)
        limit = f"--timeout={READY_SECONDS}s"
        if subprocess.run(["kubectl", "-n", "bookshelf", "rollout", "status", workload, limit]).returncode:
            subprocess.run(["kubectl", "-n", "bookshelf", "get", "pods"])
            subprocess.run(["kubectl", "-n", "bookshelf", "events", "--types=Warning"])
            raise MinikubeError(f"{workload} is not ready after {READY_SECONDS} s: see its pods and events above")
    print(f"Bookshelf:     {(address := find_address())}", f"Documentation: {address}/api/docs", sep="\n")


def build(service: str) -> str:
    """Build the image of a service, and name it for its content, so that another image is another rollout.

    Raises:
        MinikubeError: Docker is missing.
        subprocess.CalledProcessError: it can't be built.
    """
    if not shutil.which("docker"):
        raise MinikubeError("docker is not installed: https://docs.docker.com/get-docker")
    print(f"Building the image of {service} ...", flush=True)
    version = tomllib.loads((API / "pyproject.toml").read_text())["project"]["version"]
    arguments = [f"--build-arg=VERSION={version}", f"--build-arg=COMMIT={commit()}"]
    name = f"bookshelf-{service}"
    subprocess.run(["docker", "build", *arguments, f"--tag={name}", ROOT / "services" / service], check=True)
    inspected = ["docker", "image", "inspect", "--format={{.Id}}", name]
    digest = subprocess.run(inspected, check=True, capture_output=True, text=True).stdout.strip()
    image = f"{name}:{digest.removeprefix('sha256:')[:12]}"
    subprocess.run(["docker", "tag", name, image], check=True)
    return image


def pin(service: str, image: str) -> str:
    """The patch that has a service's Deployment run this image, whatever its overlay says."""
    return f"  - target: {{kind: Deployment, name: {service}}}\n    patch: |-\n" + "".join(
        f"      - {{op: replace, path: /spec/template/spec/{containers}/0/image, value: '{image}'}}\n"
        for containers in SERVICES[service]
    )


def running_image(service: str) -> str:
    """The image of a service's Deployment in the cluster, empty where there is none."""
    path = "jsonpath={.spec.template.spec.containers[0].image}"
    found = ["kubectl", "-n", "bookshelf", "get", "deployment", service, "--ignore-not-found", "--output", path]
    return subprocess.run(found, check=True, capture_output=True, text=True).stdout


def make_volumes_available() -> None:
    """Forget claims that are gone, which their volumes stay reserved for. The folders behind them are not touched."""
    for name in ("bookshelf-database", "bookshelf-folder"):
        volume = ["persistentvolume", name, "--ignore-not-found"]
        phase = ["kubectl", "get", *volume, "--output=jsonpath={.status.phase}"]
        if subprocess.run(phase, check=True, capture_output=True, text=True).stdout == "Released":
            print(f"The claim of the volume {name} is gone. Its files are still there, and get a new one.", flush=True)
            subprocess.run(["kubectl", "delete", *volume], check=True)


def find_address() -> str:
    """Where the node port answers from here; port-forward's address, with how to get it, where it does not."""
    path = "jsonpath={.items[*].status.addresses[?(@.type=='InternalIP')].address}"
    nodes = subprocess.run(["kubectl", "get", "nodes", "--output", path], check=True, capture_output=True, text=True)
    for host in ["127.0.0.1", *nodes.stdout.split()]:
        try:
            urllib.request.urlopen(f"http://{host}:{PORT}/livez", timeout=3)
        except (OSError, http.client.HTTPException):
            continue
        return f"http://{host}:{PORT}"
    print(f"The node's port is not reached from here: kubectl -n bookshelf port-forward service/web {PORT}:80")
    return f"http://127.0.0.1:{PORT}"


def delete(namespace: str, folder: Path) -> None:
    """Delete all that a kustomization made, its pods first: a namespace waits much longer for pods than they take.

    Raises:
        subprocess.CalledProcessError: a command failed.
    """
    workloads = ["deployments,statefulsets", "--all", "--cascade=foreground", "--ignore-not-found"]
    subprocess.run(["kubectl", "--namespace", namespace, "delete", *workloads], check=True)
    subprocess.run(["kubectl", "delete", "-k", folder, "--ignore-not-found"], check=True)


def down() -> None:
    """Delete all that the overlay made. The folder with the books stays on the node.

    Raises:
        subprocess.CalledProcessError: a command failed.
    """
    delete("bookshelf", OVERLAY)
    print("The books are still in /data/bookshelf on the node: make minikube brings them back.")


if __name__ == "__main__":
    sys.exit(main())
