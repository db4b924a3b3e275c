"""`make minikube`, `kubectl apply -k`, and what becomes of the books when parts of it go away."""

import time
import uuid
from typing import Any

import requests

from local.minikube import running_image
from tests.e2e.conftest import NAMESPACE, ROOT, get, kubectl, make, run, wait_for_rollout, wait_until

OVERLAY = ROOT / "k8s" / "overlays" / "minikube"


def add_book(url: str) -> str:
    """Write a book, and give the address that finds it again."""
    title = f"Kept {uuid.uuid4()}"
    answer = requests.post(f"{url}/api/v1/books", json={"title": title, "author": "Nobody"}, timeout=20)
    assert answer.status_code == 201, answer.text
    return f"{url}{answer.headers['Location']}"


def is_there(address: str) -> bool:
    return requests.get(address, timeout=20).status_code == 200


def objects() -> dict[str, Any]:
    """All that was applied and made from it, but for what the cluster reports of it while it lives."""
    kinds = (
        "namespaces,persistentvolumes,deployments,statefulsets,services,configmaps,secrets,networkpolicies,jobs,pods"
    )
    found = get(kinds, "--all-namespaces", "-l", "app.kubernetes.io/part-of=bookshelf")["items"]
    # A pod of a version before may still be ending.
    kept = [item for item in found if "deletionTimestamp" not in item["metadata"]]
    for item in kept:
        item.pop("status", None)
        item["metadata"].pop("resourceVersion")
    return {item["metadata"]["uid"]: item for item in kept}


def test_kubectl_apply_alone_is_ready_within_60_seconds_from_loaded_images(bookshelf: str, load_image, image) -> None:
    for name, used in (("bookshelf-api:0.1.0", image), ("bookshelf-web:0.1.0", running_image("web"))):
        run("docker", "tag", used, name)
        load_image(name)
    make("minikube-down")

    ends = time.monotonic() + 60
    kubectl("apply", "-k", OVERLAY)

    wait_for_rollout(seconds=60)
    wait_until(
        lambda: requests.get(f"{bookshelf}/api/v1/books?limit=1", timeout=5).ok,
        seconds=ends - time.monotonic(),
        what="the node's port",
    )
    assert is_there(add_book(bookshelf))
    assert 'id="root"' in requests.get(bookshelf, timeout=20).text


def test_make_minikube_a_second_time_changes_nothing(bookshelf: str) -> None:
    make("minikube")
    before = objects()
    assert len(before) > 15

    printed = make("minikube")

    assert objects() == before
    assert f"Bookshelf:     {bookshelf}\n" in printed


def test_the_books_are_there_after_make_minikube_down_and_up(bookshelf: str) -> None:
    book = add_book(bookshelf)

    make("minikube-down")
    assert not get("namespaces,persistentvolumes", "-l", "app.kubernetes.io/part-of=bookshelf")["items"]
    make("minikube")

    assert is_there(book)


def test_the_books_are_there_after_the_database_s_pod_was_deleted(bookshelf: str) -> None:
    book = add_book(bookshelf)

    kubectl("-n", NAMESPACE, "delete", "pod", "database-0")
    wait_for_rollout()

    wait_until(lambda: is_there(book), seconds=30, what="the book")


def test_the_books_are_there_after_the_stateful_set_and_its_claim_were_deleted(bookshelf: str) -> None:
    book = add_book(bookshelf)

    kubectl("-n", NAMESPACE, "delete", "statefulset/database", "persistentvolumeclaim/data-database-0")
    make("minikube")

    wait_until(lambda: is_there(book), seconds=30, what="the book")


def test_the_books_are_there_after_the_password_was_made_anew(bookshelf: str) -> None:
    book = add_book(bookshelf)
    password = get("secret", "database-password", "-n", NAMESPACE)["data"]["token"]

    kubectl("-n", NAMESPACE, "delete", "serviceaccount/database-password")
    wait_until(
        lambda: not kubectl("-n", NAMESPACE, "get", "secret/database-password", "--ignore-not-found"),
        seconds=30,
        what="the Secret goes with its ServiceAccount",
    )
    kubectl("apply", "-k", ROOT / ".build" / "minikube")
    kubectl("-n", NAMESPACE, "rollout", "restart", "statefulset/database", "deployment/api")
    wait_for_rollout()

    assert get("secret", "database-password", "-n", NAMESPACE)["data"]["token"] != password
    wait_until(lambda: is_there(book), seconds=30, what="the book")
