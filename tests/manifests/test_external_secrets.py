"""The component external-secrets makes the Secrets that the pods of the eks overlay wait for."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.manifests.conftest import K8S

pytestmark = pytest.mark.parametrize(
    "folder", [K8S / "components" / "external-secrets"], ids=["external-secrets"], indirect=True
)


def pods(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [thing["spec"]["template"]["spec"] for thing in objects if thing["kind"] in ("Deployment", "StatefulSet")]


def mounted(objects: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """The Secrets that pods mount, each with a key that they read."""
    settings = {
        name: value for thing in objects if thing["kind"] == "ConfigMap" for name, value in thing["data"].items()
    }
    for pod in pods(objects):
        folders = {mount["name"]: mount["mountPath"] for part in pod["containers"] for mount in part["volumeMounts"]}
        for volume in pod["volumes"]:
            for item in volume.get("secret", {}).get("items", ()):
                yield volume["secret"]["secretName"], item["key"]
            if "secret" in volume and "items" not in volume["secret"]:  # All keys are files; a setting names one.
                folder = folders[volume["name"]] + "/"
                for value in settings.values():
                    if value.startswith(folder):
                        yield volume["secret"]["secretName"], value.removeprefix(folder)


def test_each_secret_that_a_pod_reads_is_made(objects: list[dict[str, Any]]) -> None:
    made = {
        (thing["metadata"]["name"], item["secretKey"])
        for thing in objects
        if thing["kind"] == "ExternalSecret"
        for item in thing["spec"]["data"]
    }
    assert made == set(mounted(objects)) == {("database-password", "password"), ("api-tokens", "hashes")}


def test_they_come_from_the_store_and_stay_when_it_has_them_no_more(objects: list[dict[str, Any]]) -> None:
    [store] = [thing for thing in objects if thing["kind"] == "SecretStore"]
    for thing in objects:
        if thing["kind"] == "ExternalSecret":
            reference = {"kind": "SecretStore", "name": store["metadata"]["name"]}
            assert thing["spec"]["secretStoreRef"] == reference
            assert thing["spec"]["target"] == {"creationPolicy": "Owner", "deletionPolicy": "Retain"}
            assert thing["metadata"]["namespace"] == store["metadata"]["namespace"]


def test_the_store_is_read_as_an_account_of_its_own(objects: list[dict[str, Any]]) -> None:
    [store] = [thing for thing in objects if thing["kind"] == "SecretStore"]
    name = store["spec"]["provider"]["aws"]["auth"]["jwt"]["serviceAccountRef"]["name"]
    [account] = [thing for thing in objects if (thing["kind"], thing["metadata"]["name"]) == ("ServiceAccount", name)]
    assert account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"].startswith("arn:aws:iam::")
    assert account["metadata"]["namespace"] == store["metadata"]["namespace"]
    assert name not in {pod["serviceAccountName"] for pod in pods(objects)}
