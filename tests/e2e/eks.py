"""What the eks overlay expects to find: its images, and the two Secrets that are made outside git."""

import hashlib
from collections.abc import Callable

import yaml

from tests.e2e.conftest import ROOT, kubectl, run

OVERLAY = ROOT / "k8s" / "overlays" / "eks"
TOKEN = "correct-horse-battery-staple"
AUTHORIZATION = {"Authorization": f"Bearer {TOKEN}"}
INGRESS = "http://127.0.0.1:80"


def load_images(image: str, load_image: Callable[[str], None]) -> None:
    """Load the API's `image` and PostgreSQL's into the cluster under the names that the overlay gives them."""
    rendered = yaml.safe_load_all(run("kubectl", "kustomize", OVERLAY).stdout)
    pods = [item["spec"]["template"]["spec"] for item in rendered if item["kind"] in ("Deployment", "StatefulSet")]
    for name in {container["image"] for pod in pods for container in pod["containers"]}:
        run("docker", "tag", image if "bookshelf-api" in name else "postgres:17", name)
        load_image(name)


def create_secrets(namespace: str) -> None:
    """Make the namespace with the database's password and the hash of `TOKEN`."""
    kubectl("create", "namespace", namespace)
    hashes = hashlib.sha256(TOKEN.encode()).hexdigest()
    secret = ["-n", namespace, "create", "secret", "generic"]
    kubectl(*secret, "database-password", "--from-literal=password=correct-horse")
    kubectl(*secret, "api-tokens", f"--from-literal=hashes={hashes}")
