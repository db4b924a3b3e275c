"""The commands of docs/eks.md, as one script with stand-ins for the programs, and its cluster file."""

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import unavailable
from tests.delivery.conftest import ROOT
from tests.manifests.conftest import K8S, build

DOCS = ROOT / "docs"
STAND_IN = """#!/bin/sh
"{python}" -c 'import json, sys; print(json.dumps(sys.argv[1:]))' "$(basename "$0")" "$@" >> "{log}"
case "$(basename "$0") $*" in
    "aws ecr get-login-password"*) echo password ;;
    "aws acm describe-certificate"*) echo name value ;;
    aws*sts*) echo 210987654321 ;;
    "docker login"*) cat > /dev/null ;;
    aws*) echo a-word-that-is-long-enough ;;
    curl*--output*iam_policy*) echo '{{}}' > iam_policy.json ;;
    curl*--remote-name*) echo certificate > global-bundle.pem ;;
    kubectl*" create secret "* | kubectl*" create configmap "*)
        {kubectl} "$@" --dry-run=client --output=yaml && echo --- ;;
    kubectl*) echo d29yZA== ;;
esac
"""
# AWS's own command line reads the commands and checks what it would send, which it then does not.
CHECK = """
import contextlib, io, json, sys
from awscli.clidriver import CLIOperationCaller, create_clidriver
from awscli.customizations.waiters import WaiterCaller
from botocore.validate import ParamValidator

def check(self, service, operation, parameters, parsed_globals):
    shape = driver.session.get_service_model(service).operation_model(operation).input_shape
    if shape and (errors := ParamValidator().validate(parameters, shape)).has_errors():
        raise ValueError(errors.generate_report())
    return 0

CLIOperationCaller.invoke = WaiterCaller.invoke = check
for line in open(sys.argv[1]):
    words = json.loads(line)
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        driver = create_clidriver()
        try:
            status = driver.main(words)
        except SystemExit as error:
            status = error.code
    if status:
        print(json.dumps([words, said.getvalue()]))
"""
# No operation of the API: it reads its own options.
CUSTOM = [["ecr", "get-login-password"]]


def blocks() -> Iterator[str]:
    """The indented blocks, without the four spaces."""
    block: list[str] = []
    for line in [*(DOCS / "eks.md").read_text().splitlines(), "end"]:
        if line.startswith("    "):
            block.append(line[4:])
        elif block:
            yield "\n".join(block)
            block = []


def script() -> str:
    return "\n".join(block for block in blocks() if not block.splitlines()[0].endswith(":"))


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the script calls, and what it prints; `folder` is where it ran."""
    kubectl = shutil.which("kubectl") or unavailable("kubectl is not installed")
    folder = tmp_path_factory.mktemp("eks")
    shutil.copytree(DOCS, folder / "docs")
    programs = folder / "bin"
    programs.mkdir()
    for name in ("aws", "curl", "docker", "eksctl", "git", "helm", "kubectl", "make"):
        (programs / name).write_text(
            STAND_IN.format(python=sys.executable, log=folder / "log", kubectl=kubectl if name == "kubectl" else name)
        )
        (programs / name).chmod(0o755)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script()],
        cwd=folder,
        env={"PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(folder)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    made = [json.loads(line) for line in (folder / "log").read_text().splitlines()]
    return {"made": made, "printed": done.stdout, "folder": folder}


def test_aws_accepts_every_command(calls: dict[str, Any], tmp_path: Path) -> None:
    if not (Path(sys.executable).parent / "aws").exists():
        unavailable("awscli is not installed: make venv")
    words = [call[1:] for call in calls["made"] if call[0] == "aws"]
    checked = [call for call in words if call[:2] not in CUSTOM]
    assert len(checked) > 20
    log = tmp_path / "log"
    wrong = ["ecr", "create-repository", "--repository-nam", "x"]
    log.write_text("\n".join(map(json.dumps, [*checked, wrong])))
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "AWS_DEFAULT_REGION": "us-east-1"}

    done = subprocess.run(
        [sys.executable, "-c", CHECK, log], cwd=calls["folder"], env=environment, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    *refused, (last, _) = map(json.loads, done.stdout.splitlines())
    assert not refused
    assert last == wrong


def test_the_images_that_are_pushed_are_promoted(calls: dict[str, Any]) -> None:
    pushed = [call[2] for call in calls["made"] if call[:2] == ["docker", "push"]]
    assert [image.partition("/")[2] for image in pushed] == ["bookshelf-api:0.1.0", "bookshelf-web:0.1.0"]
    assert ["make", "promote", "TO=eks", f"IMAGE={' '.join(pushed)}"] in calls["made"]


def test_the_secrets_are_those_that_the_overlay_asks_for(calls: dict[str, Any]) -> None:
    made = {
        thing["metadata"]["name"]: {key: base64.b64decode(value).decode() for key, value in thing["data"].items()}
        for text in calls["printed"].split("---\n")
        if "kind: Secret" in text
        for thing in [yaml.safe_load(text[text.index("apiVersion:") :])]
    }
    assert {name: set(data) for name, data in made.items()} == {
        "database-password": {"password"},
        "api-tokens": {"hashes"},
    }
    assert len(made["database-password"]["password"]) == 64
    assert len(made["api-tokens"]["hashes"].strip()) == 64

    volumes = [
        volume
        for thing in yaml.safe_load_all(build(K8S / "overlays" / "eks"))
        if thing["kind"] == "Deployment"
        for volume in thing["spec"]["template"]["spec"]["volumes"]
    ]
    assert {volume["secret"]["secretName"] for volume in volumes if "secret" in volume} == set(made)


def test_every_file_that_is_named_is_there(calls: dict[str, Any]) -> None:
    named = [word for call in calls["made"] for word in call if word.startswith(("docs/", "k8s/", "services/"))]
    assert len(named) > 5
    assert not [name for name in named if not (ROOT / name).exists()]


def test_the_cluster_file_gets_the_account(calls: dict[str, Any]) -> None:
    text = (calls["folder"] / "docs" / "eks-cluster.yaml").read_text()
    assert "123456789012" not in text
    assert "arn:aws:iam::210987654321:policy/bookshelf-load-balancer-controller" in text


def test_the_cluster_is_what_the_overlay_needs() -> None:
    cluster = yaml.safe_load((DOCS / "eks-cluster.yaml").read_text())
    addons = {addon["name"]: json.loads(addon.get("configurationValues", "{}")) for addon in cluster["addons"]}
    assert {"aws-ebs-csi-driver", "eks-pod-identity-agent", "metrics-server"} <= set(addons)
    assert addons["vpc-cni"] == {"enableNetworkPolicy": "true"}
    assert len(cluster["availabilityZones"]) == 3
    [nodes] = cluster["managedNodeGroups"]
    assert nodes["instanceType"] == "t3.medium"
    accounts = {(one["namespace"], one["serviceAccountName"]) for one in cluster["iam"]["podIdentityAssociations"]}
    assert accounts == {("kube-system", "aws-load-balancer-controller"), ("bookshelf", "backup")}
    rds = (K8S / "components" / "rds" / "kustomization.yaml").read_text()
    assert f"cidr: {cluster['vpc']['cidr']}" in rds
