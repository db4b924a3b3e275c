"""Who may talk to whom, and which pods are let in."""

from collections.abc import Iterator

import pytest
import requests

from tests.e2e.conftest import NAMESPACE, api_pods, get, kubectl, pods_of, run

STRANGERS = "bookshelf-strangers"
POD = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: 0
  securityContext: {{runAsNonRoot: {non_root}, runAsUser: {user}, seccompProfile: {{type: RuntimeDefault}}}}
  containers:
    - name: stranger
      image: busybox:1.37
      command: [httpd, -f, -p, "8080"]
      securityContext: {{allowPrivilegeEscalation: false, capabilities: {{drop: [ALL]}}}}
"""


def pod(namespace: str, *, name: str = "stranger", user: int = 10001) -> str:
    return POD.format(namespace=namespace, name=name, user=user, non_root=str(user != 0).lower())


def address(namespace: str, name: str) -> str:
    return str(get("pod", name, "-n", namespace)["status"]["podIP"])


@pytest.fixture(scope="module")
def strangers(minikube: str) -> Iterator[str]:
    """A pod of somebody else's, whose address this is, and one in our namespace that is no part of Bookshelf."""
    kubectl("create", "namespace", STRANGERS)
    for namespace in (STRANGERS, NAMESPACE):
        kubectl("apply", "-f", "-", input=pod(namespace))
        kubectl("-n", namespace, "wait", "--for=condition=Ready", "pod/stranger", "--timeout=60s")
    yield address(STRANGERS, "stranger")
    kubectl("delete", "namespace", STRANGERS)
    kubectl("-n", NAMESPACE, "delete", "pod", "stranger")


def connects(namespace: str, name: str, host: str, port: int) -> bool:
    """Whether a pod reaches an address; false only when it waited in vain, as for packets that are dropped."""
    commands = {
        "api": ["python", "-c", f"import socket; socket.create_connection(({host!r}, {port}), 3)"],
        "stranger": ["nc", "-w", "3", host, str(port), "-e", "true"],
    }
    bash = ["timeout", "3", "bash", "-c", f"exec 3<>/dev/tcp/{host}/{port}"]
    command = commands.get(name.partition("-")[0], bash)
    done = run("kubectl", "-n", namespace, "exec", name, "--", *command, check=False)
    assert done.returncode in (0, 124) or "timed out" in done.stderr, done.stderr
    return done.returncode == 0


def test_the_api_reaches_the_database_and_the_stranger_reaches_the_api(bookshelf: str, strangers: str) -> None:
    assert requests.get(f"{bookshelf}/api/v1/books?limit=1", timeout=10).status_code == 200
    api = api_pods()[0]
    assert connects(NAMESPACE, api["metadata"]["name"], address(NAMESPACE, "database-0"), 5432)
    assert connects(STRANGERS, "stranger", api["status"]["podIP"], 8000)
    assert connects(STRANGERS, "stranger", strangers, 8080)


@pytest.mark.parametrize("namespace", [STRANGERS, NAMESPACE])
def test_a_stranger_s_pod_does_not_reach_the_database(bookshelf: str, strangers: str, namespace: str) -> None:
    assert not connects(namespace, "stranger", address(NAMESPACE, "database-0"), 5432)


def test_the_database_reaches_nothing(bookshelf: str, strangers: str) -> None:
    for host, port in (
        (api_pods()[0]["status"]["podIP"], 8000),
        (strangers, 8080),
        (get("service", "kubernetes", "-n", "default")["spec"]["clusterIP"], 443),
        ("1.1.1.1", 443),
    ):
        assert not connects(NAMESPACE, "database-0", host, port)


def test_the_api_reaches_neither_the_internet_nor_another_namespace_nor_the_api_server(
    bookshelf: str, strangers: str
) -> None:
    name = api_pods()[0]["metadata"]["name"]
    for host, port in (
        ("1.1.1.1", 443),
        (strangers, 8080),
        (get("service", "kubernetes", "-n", "default")["spec"]["clusterIP"], 443),
    ):
        assert not connects(NAMESPACE, name, host, port)


def test_the_page_s_server_reaches_the_api_and_dns_and_nothing_else(bookshelf: str, strangers: str) -> None:
    name = pods_of("web")[0]["metadata"]["name"]
    dns = get("service", "kube-dns", "-n", "kube-system")["spec"]["clusterIP"]
    for host, port in ((api_pods()[0]["status"]["podIP"], 8000), (dns, 53)):
        assert connects(NAMESPACE, name, host, port)
    for host, port in (
        (address(NAMESPACE, "database-0"), 5432),
        ("1.1.1.1", 443),
        (strangers, 8080),
        (get("service", "kubernetes", "-n", "default")["spec"]["clusterIP"], 443),
    ):
        assert not connects(NAMESPACE, name, host, port)


def test_a_pod_that_breaks_the_restricted_profile_is_refused(bookshelf: str) -> None:
    done = run("kubectl", "apply", "-f", "-", input=pod(NAMESPACE, name="root", user=0), check=False)

    assert done.returncode != 0
    assert 'violates PodSecurity "restricted' in done.stderr


def test_the_database_s_own_pod_keeps_the_restricted_profile(bookshelf: str) -> None:
    labels = get("namespace", NAMESPACE)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert get("pod", "database-0", "-n", NAMESPACE)["status"]["phase"] == "Running"


def test_the_pods_have_no_token_of_the_cluster(bookshelf: str) -> None:
    for name in (api_pods()[0]["metadata"]["name"], pods_of("web")[0]["metadata"]["name"], "database-0"):
        mounted = run("kubectl", "-n", NAMESPACE, "exec", name, "--", "ls", "/var/run/secrets", check=False)
        assert "kubernetes.io" not in mounted.stdout + mounted.stderr
