"""Changes under a steady load: not one request fails, and not one book is lost."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.conftest import (
    NAMESPACE,
    ROOT,
    api_pods,
    get,
    is_ready,
    kubectl,
    run,
    wait_for_rollout,
    wait_until,
)
from tests.e2e.load import Load


@pytest.fixture(scope="session")
def next_image(image: str, load_image: Callable[[str], None]) -> str:
    """Another image of the API, in the cluster."""
    build = ["docker", "build", "--quiet", "--build-arg=COMMIT=next", ROOT / "services" / "api"]
    digest = run(*build).stdout.strip().removeprefix("sha256:")[:12]
    run("docker", "tag", digest, f"bookshelf-api:{digest}")
    load_image(f"bookshelf-api:{digest}")
    return f"bookshelf-api:{digest}"


@pytest.fixture
def load(bookshelf: str, record_property: Callable[[str, object], None]) -> Iterator[Load]:
    """Requests from before the change until after it, and at the end the count."""
    with Load(bookshelf) as load:
        wait_until(lambda: load.requests > 100, seconds=30, what="a steady load")
        yield load
        after = load.requests + 100
        wait_until(lambda: load.requests > after, seconds=30, what="requests after the change")
    print(load.summary)
    record_property("load", load.summary)
    assert load.failures == []
    assert not load.lost
    assert len(load.written) > 50


def set_image(image: str) -> None:
    containers = [f"{name}={image}" for name in ("api", "migrate")]
    kubectl("-n", NAMESPACE, "set", "image", "deployment/api", *containers)


def scale(replicas: int) -> None:
    kubectl("-n", NAMESPACE, "scale", "deployment/api", f"--replicas={replicas}")
    wait_until(
        lambda: (
            len(pods := get("pods", "-n", NAMESPACE, "-l", "app.kubernetes.io/component=api")["items"]) == replicas
            and all(map(is_ready, pods))
        ),
        seconds=150,
        what=f"{replicas} pods, all ready",
    )


def evict(name: str) -> bool:
    """Ask for an eviction, as kubectl drain does; false where the disruption budget refuses it for now."""
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/{name}/eviction"
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": NAMESPACE}}
    return not run("kubectl", "create", "--raw", path, "-f", "-", input=json.dumps(eviction), check=False).returncode


def old_pods_are_gone(names: set[str]) -> bool:
    return not names & {pod["metadata"]["name"] for pod in get("pods", "-n", NAMESPACE)["items"]}


def names(pods: list[Any]) -> set[str]:
    return {pod["metadata"]["name"] for pod in pods}


def test_a_rolling_update_to_a_new_image_and_its_undo_fail_no_request(load: Load, next_image: str) -> None:
    for change in (
        lambda: set_image(next_image),
        lambda: kubectl("-n", NAMESPACE, "rollout", "undo", "deployment/api"),
    ):
        before = names(api_pods())
        change()
        wait_for_rollout()
        wait_until(lambda before=before: old_pods_are_gone(before), seconds=60, what="the old pods are gone")


def test_scaling_from_one_to_five_and_back_fails_no_request(load: Load) -> None:
    scale(5)
    scale(1)


def test_evicting_every_pod_as_a_drained_node_does_fails_no_request(load: Load) -> None:
    scale(2)
    evicted = names(api_pods())

    for name in evicted:
        wait_until(lambda name=name: evict(name), seconds=90, what="the disruption budget allows the eviction")

    wait_until(lambda: old_pods_are_gone(evicted), seconds=90, what="the evicted pods are gone")
    wait_for_rollout()
