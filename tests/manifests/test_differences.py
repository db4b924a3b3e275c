"""The README's table of what differs between the overlays says what they render."""

from typing import Any

import yaml

from tests.manifests.conftest import K8S, ROOT, build

COLUMNS = ["minikube", "eks"]


def find(objects: list[dict[str, Any]], kind: str, name: str | None = None) -> dict[str, Any] | None:
    found = [o for o in objects if o["kind"] == kind and name in (None, o["metadata"]["name"])]
    return found[0] if found else None


def describe(objects: list[dict[str, Any]]) -> dict[str, str]:
    """One overlay's column of the table."""
    deployment = find(objects, "Deployment", "api")
    stateful_set = find(objects, "StatefulSet", "database")
    service = find(objects, "Service", "web")
    assert deployment and stateful_set and service
    pod = deployment["spec"]["template"]["spec"]
    autoscaler = find(objects, "HorizontalPodAutoscaler", "api")
    ingress = find(objects, "Ingress")
    claim = stateful_set["spec"]["volumeClaimTemplates"][0]["spec"]
    volume = find(objects, "PersistentVolume", "bookshelf-database")
    settings = next(o["data"] for o in objects if o["kind"] == "ConfigMap" and "DATABASE_URL" in o["data"])
    requests = pod["containers"][0]["resources"]["requests"]
    size = claim["resources"]["requests"]["storage"]
    return {
        "API pods": (
            f"{autoscaler['spec']['minReplicas']} to {autoscaler['spec']['maxReplicas']}, by CPU use"
            if autoscaler
            else str(deployment["spec"]["replicas"])
        ),
        "each asks for": f"{requests['cpu']} CPU, {requests['memory']}",
        "each may take to end": f"{pod['terminationGracePeriodSeconds']} s",
        "reached by": (
            f"Ingress of class `{ingress['spec']['ingressClassName']}`"
            if ingress
            else f"port {service['spec']['ports'][0]['nodePort']} of the node"
        ),
        "the books are in": (
            f"`{volume['spec']['hostPath']['path']}` of the node, {size}"
            if volume
            else f"a volume of StorageClass `{claim['storageClassName']}`, {size}"
        ),
        "the password is": "made in the cluster" if find(objects, "Secret", "database-password") else "made by you",
        "writing": "is open" if settings.get("ALLOW_ANONYMOUS_WRITES") == "true" else "needs a token",
    }


def test_the_table_of_the_readme_is_what_the_overlays_render() -> None:
    columns = [describe(list(yaml.safe_load_all(build(K8S / "overlays" / overlay)))) for overlay in COLUMNS]
    table = [f"| {row} | {' | '.join(column[row] for column in columns)} |" for row in columns[0]]

    assert (
        "\n".join([f"| | {' | '.join(COLUMNS)} |", "| --- | --- | --- |", *table]) in (ROOT / "README.md").read_text()
    )
