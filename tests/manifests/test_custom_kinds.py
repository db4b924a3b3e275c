"""The schemas of the operators' kinds are strict, and the list of these kinds is exact."""

import copy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.manifests import custom_kinds
from tests.manifests.conftest import K8S

GOOD = {
    "apiVersion": "external-secrets.io/v1",
    "kind": "ExternalSecret",
    "metadata": {"name": "good"},
    "spec": {
        "refreshInterval": "1h0m0s",
        "secretStoreRef": {"kind": "SecretStore", "name": "aws"},
        "target": {"creationPolicy": "Owner", "deletionPolicy": "Retain"},
        "data": [{"secretKey": "password", "remoteRef": {"key": "bookshelf/database-password"}}],
    },
}


def test_a_good_object_is_valid() -> None:
    custom_kinds.validate(GOOD)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["spec", "refreshIntervall"], "1h0m0s"),
        (["spec", "target", "creationPolicy"], "Sometimes"),
        (["spec", "data", 0, "remoteRef", "keys"], "password"),
        (["spec", "data", 0, "secretKey"], 1),
        (["specification"], {}),
    ],
)
def test_a_mistake_is_found(path: list[Any], value: Any) -> None:
    bad = copy.deepcopy(GOOD)
    below: Any = bad
    for step in path[:-1]:
        below = below[step]
    below[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        custom_kinds.validate(bad)


def test_every_kind_on_the_list_is_used() -> None:
    files: list[Path] = [file for file in K8S.rglob("*.yaml") if file.name != "kustomization.yaml"]
    used = {(thing["apiVersion"], thing["kind"]) for thing in (yaml.safe_load(file.read_text()) for file in files)}
    assert set(custom_kinds.KINDS) <= used
