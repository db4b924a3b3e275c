"""The database is gone for a while."""

import subprocess
import time
from collections.abc import Iterator

import pytest
import requests

from tests.api.conftest import free_port
from tests.e2e.conftest import NAMESPACE, api_pods, is_ready, kubectl, wait_for_rollout, wait_until

OUTAGE_SECONDS = 30


@pytest.fixture
def pod_url(bookshelf: str) -> Iterator[str]:
    """The pod itself, which a Service leaves out while it is not ready."""
    port = free_port()
    name = api_pods()[0]["metadata"]["name"]
    forward = subprocess.Popen(
        ["kubectl", "-n", NAMESPACE, "port-forward", f"pod/{name}", f"{port}:8000"], stdout=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    wait_until(lambda: requests.get(f"{url}/livez", timeout=5).ok, seconds=20, what="kubectl port-forward")
    yield url
    forward.terminate()
    forward.wait()


def test_without_its_database_the_api_answers_503_stays_alive_and_recovers_by_itself(
    bookshelf: str, pod_url: str
) -> None:
    before = api_pods()
    kubectl("-n", NAMESPACE, "scale", "statefulset/database", "--replicas=0")
    kubectl("-n", NAMESPACE, "wait", "--for=delete", "pod/database-0", "--timeout=60s")
    ends = time.monotonic() + OUTAGE_SECONDS
    wait_until(lambda: not is_ready(api_pods()[0]), seconds=20, what="the pod is not ready")

    while time.monotonic() < ends:
        assert requests.get(f"{pod_url}/livez", timeout=10).status_code == 200
        answer = requests.get(f"{pod_url}/api/v1/books", timeout=10)
        assert answer.status_code == 503
        assert "Retry-After" in answer.headers
        assert not is_ready(api_pods()[0])

    kubectl("-n", NAMESPACE, "scale", "statefulset/database", "--replicas=1")
    wait_for_rollout()
    wait_until(lambda: requests.get(f"{bookshelf}/api/v1/books", timeout=10).ok, seconds=30, what="recovery")
    after = api_pods()
    assert [pod["metadata"]["uid"] for pod in after] == [pod["metadata"]["uid"] for pod in before]
    assert after[0]["status"]["containerStatuses"][0]["restartCount"] == 0
