"""The kinds of operators, and their schemas: CustomResourceDefinitions, which their Go modules hold."""

import functools
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from tests.conftest import unavailable

PROMETHEUS_OPERATOR = "github.com/prometheus-operator/prometheus-operator@v0.85.0"
EXTERNAL_SECRETS = "github.com/external-secrets/external-secrets@v1.3.2"

# Every other kind is Kubernetes' own.
KINDS = {
    ("monitoring.coreos.com/v1", "PodMonitor"): (
        PROMETHEUS_OPERATOR,
        "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml",
    ),
    ("monitoring.coreos.com/v1", "PrometheusRule"): (
        PROMETHEUS_OPERATOR,
        "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
    ),
    ("external-secrets.io/v1", "SecretStore"): (
        EXTERNAL_SECRETS,
        "config/crds/bases/external-secrets.io_secretstores.yaml",
    ),
    ("external-secrets.io/v1", "ExternalSecret"): (
        EXTERNAL_SECRETS,
        "config/crds/bases/external-secrets.io_externalsecrets.yaml",
    ),
}


def is_custom(thing: dict[str, Any]) -> bool:
    return (thing["apiVersion"], thing["kind"]) in KINDS


def validate(thing: dict[str, Any]) -> None:
    """Hold the object against its schema; unknown fields are mistakes.

    Raises:
        jsonschema.ValidationError: it is not valid.
    """
    jsonschema.Draft202012Validator(schema_of(thing)).validate(thing)


def schema_of(thing: dict[str, Any]) -> dict[str, Any]:
    return _schema(thing["apiVersion"], thing["kind"])


@functools.cache
def _schema(api_version: str, kind: str) -> dict[str, Any]:
    module, file = KINDS[api_version, kind]
    definition = yaml.load((_folder(module) / file).read_text(), yaml.CSafeLoader)["spec"]
    assert definition["names"]["kind"] == kind
    group, _, name = api_version.rpartition("/")
    assert definition["group"] == group
    [version] = [version for version in definition["versions"] if version["name"] == name]
    assert version["served"] and not version.get("deprecated")
    return _strict(version["schema"]["openAPIV3Schema"])


@functools.cache
def _folder(module: str) -> Path:
    if not shutil.which("go"):
        unavailable("install Go (https://go.dev/doc/install), which fetches the operators' schemas")
    done = subprocess.run(
        ["go", "mod", "download", "-json", module],
        cwd="/",  # In no module.
        env={**os.environ, "GOFLAGS": "", "GOWORK": "off"},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        unavailable(f"go mod download {module}: {done.stderr or done.stdout}")
    return Path(json.loads(done.stdout)["Dir"])


def _strict(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without room for unknown fields, which Kubernetes would drop; the metadata is Kubernetes' own."""
    strict = dict(schema)
    if "properties" in schema:
        strict["properties"] = {name: _strict(below) for name, below in schema["properties"].items()}
        if "additionalProperties" not in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
            strict["additionalProperties"] = False
    for word in ("items", "additionalProperties"):
        if isinstance(schema.get(word), dict):
            strict[word] = _strict(schema[word])
    return strict
