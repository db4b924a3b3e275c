"""Everything of the eks overlay that can be tried without AWS."""

import contextlib
from collections.abc import Callable

import pytest
import requests

from tests.e2e.conftest import NAMESPACE, api_pods, get, is_ready, kubectl, pods_of, wait_for_rollout, wait_until
from tests.e2e.eks import AUTHORIZATION
from tests.e2e.load import Load

BOOK = {"title": "Emma", "author": "Jane Austen"}
LOADS = 5
"""How many at once take more of the CPU than the autoscaler lets two pods take."""


def test_the_volume_comes_from_its_own_storage_class_and_is_retained(eks: str) -> None:
    claim = get("persistentvolumeclaim", "data-database-0", "-n", NAMESPACE)
    storage_class = get("storageclass", claim["spec"]["storageClassName"])
    volume = get("persistentvolume", claim["spec"]["volumeName"])

    assert claim["status"]["phase"] == "Bound"
    assert claim["spec"]["storageClassName"] == "bookshelf-gp3"
    assert storage_class["volumeBindingMode"] == "WaitForFirstConsumer"
    assert claim["metadata"]["annotations"]["volume.kubernetes.io/selected-node"]  # By the scheduler, for the pod.
    assert volume["spec"]["persistentVolumeReclaimPolicy"] == "Retain"


def test_the_page_and_the_api_are_at_one_address_and_nothing_else_of_the_api_is(eks: str) -> None:
    assert 'id="root"' in requests.get(eks, timeout=20).text
    assert requests.get(f"{eks}/api/docs", timeout=20).status_code == 200
    for path in ("/metrics", "/version"):
        assert requests.get(eks + path, timeout=20).status_code == 404


def test_a_write_needs_a_token_and_a_read_does_not(eks: str) -> None:
    books = f"{eks}/api/v1/books"

    assert requests.post(books, json=BOOK, timeout=20).status_code == 401
    assert requests.post(books, json=BOOK, headers=AUTHORIZATION, timeout=20).status_code == 201
    assert requests.get(books, timeout=20).json()["items"]


def test_the_autoscaler_adds_a_pod_under_load(eks: str, record_property: Callable[[str, object], None]) -> None:
    before = len(api_pods())

    with contextlib.ExitStack() as stack:
        loads = [stack.enter_context(Load(eks, AUTHORIZATION)) for _ in range(LOADS)]
        wait_until(lambda: len(list(filter(is_ready, api_pods()))) > before, seconds=180, what="another pod")

    record_property("load", "; ".join(load.summary for load in loads))
    assert [failure for load in loads for failure in load.failures] == []


@pytest.mark.parametrize("component", ["api", "web"])
def test_a_roll_out_behind_the_ingress_fails_no_request(
    eks: str, component: str, record_property: Callable[[str, object], None]
) -> None:
    old = {pod["metadata"]["name"] for pod in pods_of(component)}

    with Load(eks, AUTHORIZATION) as load:
        wait_until(lambda: load.requests > 100, seconds=30, what="a steady load")
        kubectl("-n", NAMESPACE, "rollout", "restart", f"deployment/{component}")
        wait_for_rollout(seconds=240)
        wait_until(
            lambda: not old & {pod["metadata"]["name"] for pod in get("pods", "-n", NAMESPACE)["items"]},
            seconds=120,
            what="the old pods are gone",
        )

    record_property("load", load.summary)
    assert load.failures == []
    assert not load.lost
