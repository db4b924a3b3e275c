"""Both overlays at once, each in a namespace of its own, on one cluster."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import yaml

from tests.e2e.conftest import URL, get, kubectl, run, wait_until
from tests.e2e.eks import AUTHORIZATION, INGRESS, create_secrets, load_images
from tests.gitops.conftest import Repository, application, synced_and_healthy

EKS = "bookshelf-eks"
BOOKS = f"{INGRESS}/api/v1/books"
BOOK = {"title": "Delivered to EKS", "author": "Argo CD"}


def in_own_namespace(objects: list[Any]) -> list[Any]:
    """The project and the Application of the eks overlay, with another namespace than the minikube overlay has."""
    kept = [item for item in objects if item["metadata"]["name"] == EKS]
    for item in kept:
        spec = item["spec"]
        if item["kind"] == "Application":
            spec["destination"]["namespace"] = EKS
            spec["source"]["kustomize"] = {"namespace": EKS}
        else:
            spec["destinations"] = [place | {"namespace": EKS} for place in spec["destinations"]]
            for allowed in spec["clusterResourceWhitelist"]:
                if allowed["kind"] == "Namespace":
                    allowed["name"] = EKS
    return kept


@pytest.fixture
def eks(repository: Repository, load_image: Callable[[str], None]) -> Iterator[str]:
    """The eks overlay as it is, delivered by Argo CD, with its images and Secrets; gives its Application's name."""
    load_images(load_image)
    create_secrets(EKS)
    objects = yaml.safe_load_all(run("kubectl", "kustomize", repository.folder / "argocd" / "eks").stdout)
    for item in in_own_namespace(list(objects)):
        kubectl("apply", "-f", "-", input=json.dumps(item))
    yield EKS
    kubectl("-n", "argocd", "delete", "application", EKS)
    kubectl("-n", "argocd", "delete", "appproject", EKS)
    kubectl("delete", "namespace", EKS)


def test_both_overlays_are_delivered_side_by_side_and_do_not_disturb_each_other(
    repository: Repository, eks: str
) -> None:
    wait_until(
        lambda: (
            (status := application(eks).get("status", {})).get("sync", {}).get("status") == "Synced"
            and status.get("health", {}).get("status") == "Healthy"
        ),
        seconds=180,
        what="the eks overlay is Synced and Healthy",
    )
    assert synced_and_healthy(repository)

    assert requests.post(BOOKS, json=BOOK, timeout=20).status_code == 401
    assert requests.post(BOOKS, json=BOOK, headers=AUTHORIZATION, timeout=20).status_code == 201
    found = {"q": BOOK["title"]}
    assert requests.get(BOOKS, params=found, timeout=20).json()["items"]
    titles = [book["title"] for book in requests.get(f"{URL}/api/v1/books", params=found, timeout=20).json()["items"]]
    assert BOOK["title"] not in titles
    assert len(get("pods", "-n", EKS, "-l", "app.kubernetes.io/component=api")["items"]) >= 2
