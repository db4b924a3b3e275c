"""The eks overlay, unmodified, on the cluster that KUBECONFIG names."""

from collections.abc import Callable, Iterator

import pytest
import requests

from local.minikube import delete
from tests.e2e.conftest import (
    NAMESPACE,
    kubectl,
    load_image,
    pytest_terminal_summary,
    wait_for_rollout,
    wait_until,
)
from tests.e2e.eks import INGRESS, OVERLAY, create_secrets, load_images

__all__ = ["load_image", "pytest_terminal_summary"]  # pytest finds them by their names.


@pytest.fixture(scope="session")
def eks(load_image: Callable[[str], None]) -> Iterator[str]:
    """The address of the Ingress."""
    load_images(load_image)
    create_secrets(NAMESPACE)
    kubectl("apply", "-k", OVERLAY)
    wait_for_rollout(seconds=180)
    wait_until(lambda: requests.get(f"{INGRESS}/api/v1/books?limit=1", timeout=5).ok, seconds=30, what="the Ingress")
    yield INGRESS
    volume = kubectl("-n", NAMESPACE, "get", "pvc", "data-database-0", "--output=jsonpath={.spec.volumeName}")
    delete(NAMESPACE, OVERLAY)
    kubectl("delete", "persistentvolume", volume)  # Retained, as the StorageClass says.
