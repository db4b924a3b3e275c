"""The schemas of each Kubernetes version know every field that is used, and call none of them deprecated.

Kinds that are not Kubernetes' own are held against their operator's schemas, whatever the version.
"""

import functools
import re
from collections.abc import Iterator
from typing import Any

import kubernetes_validate
import pytest
from kubernetes_validate.utils import schema_contents

from tests.manifests import custom_kinds

pytestmark = pytest.mark.parametrize("version", ["1.32", "1.33", "1.34"])

# Fields say it in a sentence of their own; "the annotation is deprecated" in a field's text is about something else.
DEPRECATED = re.compile(r"deprecated[.:]|(field|API) is deprecated", re.IGNORECASE)

GOOD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "good", "labels": {"serviceAccount": "a label may have any name"}},
    "spec": {"serviceAccountName": "api", "containers": [{"name": "api", "image": "api:1"}]},
}
UNKNOWN_FIELD = GOOD | {"spec": GOOD["spec"] | {"serviceAcountName": "api"}}
DEPRECATED_FIELD = GOOD | {"spec": GOOD["spec"] | {"serviceAccount": "api"}}


@functools.cache
def definitions(version: str) -> dict[str, Any]:
    return schema_contents(f"kubernetes-json-schema/v{version}.0-local-strict/_definitions.json", version)["$defs"]


def schema_of(thing: dict[str, Any], version: str) -> dict[str, Any]:
    if custom_kinds.is_custom(thing):
        return custom_kinds.schema_of(thing)
    group, _, api_version = thing["apiVersion"].rpartition("/")
    kind = {"group": group, "kind": thing["kind"], "version": api_version}
    known = definitions(version).values()
    return next(schema for schema in known if kind in schema.get("x-kubernetes-group-version-kind", ()))


def deprecated(value: Any, schema: dict[str, Any], version: str, path: str = "") -> Iterator[str]:
    """The paths of what the schema calls deprecated in the value."""
    if DEPRECATED.search(schema.get("description", "")):
        yield path
    elif "$ref" in schema:
        yield from deprecated(value, definitions(version)[schema["$ref"].rpartition("/")[2]], version, path)
    elif isinstance(value, dict):
        for name, member in value.items():
            below = schema.get("properties", {}).get(name) or schema.get("additionalProperties") or {}
            yield from deprecated(member, below, version, f"{path}.{name}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from deprecated(item, schema["items"], version, f"{path}[{index}]")


def test_every_object_is_valid(objects: list[dict[str, Any]], version: str) -> None:
    for thing in objects:
        if custom_kinds.is_custom(thing):
            custom_kinds.validate(thing)
            # Their schemas leave the metadata to Kubernetes.
            thing = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": thing["metadata"]}
        # The answer is the version of the schema: an older one would do where this one is not there.
        assert kubernetes_validate.validate(thing, version, strict=True) == version


def test_a_field_that_kubernetes_does_not_know_is_not_valid(version: str) -> None:
    kubernetes_validate.validate(GOOD, version, strict=True)
    with pytest.raises(kubernetes_validate.ValidationError, match="serviceAcountName"):
        kubernetes_validate.validate(UNKNOWN_FIELD, version, strict=True)


def test_no_field_is_deprecated(objects: list[dict[str, Any]], version: str) -> None:
    found = [
        f"{thing['kind']} {thing['metadata']['name']}: {path}"
        for thing in objects
        for path in deprecated(thing, schema_of(thing, version), version)
    ]
    assert not found


def test_a_deprecated_field_is_found(version: str) -> None:
    assert list(deprecated(GOOD, schema_of(GOOD, version), version)) == []
    assert list(deprecated(DEPRECATED_FIELD, schema_of(GOOD, version), version)) == [".spec.serviceAccount"]
