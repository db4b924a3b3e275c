"""Changes under a steady load: not one request fails, and not one book is lost."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.conftest import (
    NAMESPACE,
    api_pods,
    get,
    is_ready,
    kubectl,
    pods_of,
    run,
    wait_for_rollout,
    wait_until,
)
from tests.e2e.load import Load


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


def scale(component: str, replicas: int) -> None:
    kubectl("-n", NAMESPACE, "scale", f"deployment/{component}", f"--replicas={replicas}")
    label = f"app.kubernetes.io/component={component}"
    wait_until(
        lambda: (
            len(pods := get("pods", "-n", NAMESPACE, "-l", label)["items"]) == replicas and all(map(is_ready, pods))
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


def test_a_rolling_update_of_the_page_fails_no_request(load: Load) -> None:
    before = names(pods_of("web"))
    kubectl("-n", NAMESPACE, "rollout", "restart", "deployment/web")
    wait_for_rollout()
    wait_until(lambda: old_pods_are_gone(before), seconds=60, what="the old pods are gone")


@pytest.mark.parametrize("component", ["api", "web"])
def test_scaling_from_one_to_five_and_back_fails_no_request(load: Load, component: str) -> None:
    scale(component, 5)
    scale(component, 1)


@pytest.mark.parametrize("component", ["api", "web"])
def test_evicting_every_pod_as_a_drained_node_does_fails_no_request(load: Load, component: str) -> None:
    scale(component, 2)
    evicted = names(pods_of(component))

    for name in evicted:
        wait_until(lambda name=name: evict(name), seconds=90, what="the disruption budget allows the eviction")

    wait_until(lambda: old_pods_are_gone(evicted), seconds=90, what="the evicted pods are gone")
    wait_for_rollout()
