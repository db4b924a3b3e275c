"""What the eks overlay expects to find: its images, and the two Secrets that are made outside git."""

import hashlib
from collections.abc import Callable

import yaml

from local.minikube import SERVICES, build
from tests.e2e.conftest import ROOT, kubectl, run

OVERLAY = ROOT / "k8s" / "overlays" / "eks"
TOKEN = "correct-horse-battery-staple"
AUTHORIZATION = {"Authorization": f"Bearer {TOKEN}"}
INGRESS = "http://127.0.0.1:80"


def load_images(load_image: Callable[[str], None]) -> None:
    """Build our images, and load them and PostgreSQL's into the cluster under the names that the overlay gives them."""
    for service in SERVICES:
        build(service)
    rendered = yaml.safe_load_all(run("kubectl", "kustomize", OVERLAY).stdout)
    pods = [item["spec"]["template"]["spec"] for item in rendered if item["kind"] in ("Deployment", "StatefulSet")]
    for name in {container["image"] for pod in pods for container in pod["containers"]}:
        service = name.rpartition("/")[2].partition(":")[0]
        run("docker", "tag", "postgres:17" if service == "postgres" else service, name)
        load_image(name)


def create_secrets(namespace: str) -> None:
    """Make the namespace with the database's password and the hash of `TOKEN`."""
    kubectl("create", "namespace", namespace)
    hashes = hashlib.sha256(TOKEN.encode()).hexdigest()
    secret = ["-n", namespace, "create", "secret", "generic"]
    kubectl(*secret, "database-password", "--from-literal=password=correct-horse")
    kubectl(*secret, "api-tokens", f"--from-literal=hashes={hashes}")
