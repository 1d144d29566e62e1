"""deploy/kubernetes: Kubernetes accepts the manifests, and they say what the docs promise.

No cluster runs them.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from tests.processes.deploy.containers import parse_command
from tests.processes.deploy.sandbox import DEPLOY

from keyturn.service.settings import LONGEST_TRY, Settings
from keyturn.service.settings.reading import inspect_settings

FOLDER = DEPLOY / "kubernetes"
KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yaml").read_text("utf-8"))


def manifests() -> Iterator[dict[str, Any]]:
    for name in KUSTOMIZATION["resources"]:
        yield from yaml.safe_load_all((FOLDER / name).read_text("utf-8"))


MANIFESTS = {f"{one['kind']} {one['metadata']['name']}": one for one in manifests()}
PODS = {
    name: one["spec"]["template"]["spec"]
    for name, one in MANIFESTS.items()
    if "template" in one.get("spec", {})
}


@pytest.mark.parametrize("version", ["1.29", "1.33", "1.37"])
@pytest.mark.parametrize("name", MANIFESTS)
def test_kubernetes_knows_every_field(name: str, version: str) -> None:
    kubernetes_validate.validate(MANIFESTS[name], version, strict=True)


@pytest.mark.parametrize("name", PODS)
def test_a_pod_is_restricted_runs_a_command_of_the_image_and_reads_settings_from_files(
    name: str,
) -> None:
    """Check what Kubernetes' Pod Security Standards list for "restricted", and what goes beyond
    them.
    """
    assert MANIFESTS["Namespace keyturn"]["metadata"]["labels"] == {
        "pod-security.kubernetes.io/enforce": "restricted"
    }
    pod = PODS[name]
    (only,) = pod["containers"]
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    no_right = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert only["securityContext"] == no_right
    assert (pod["automountServiceAccountToken"], pod["enableServiceLinks"]) == (False, False)
    assert only["resources"]["limits"]["memory"]

    (image,), (generated,) = KUSTOMIZATION["images"], KUSTOMIZATION["configMapGenerator"]
    assert (only["image"], "command" in only) == (image["name"], False)
    parse_command(only["args"])
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    places = {mount["mountPath"]: volumes[mount["name"]] for mount in only["volumeMounts"]}
    variables = {variable["name"]: variable["value"] for variable in only["env"]}
    assert set(places) == {"/etc/keyturn", "/run/secrets/keyturn", "/tmp"}  # noqa: S108 - in the pod
    assert places["/etc/keyturn"]["configMap"] == {"name": generated["name"]}
    assert Path(variables["KEYTURN_CONFIG"]) == Path("/etc/keyturn") / generated["files"][0]
    assert variables["CREDENTIALS_DIRECTORY"] == "/run/secrets/keyturn"
    assert places["/run/secrets/keyturn"]["secret"]["defaultMode"] & 0o444 == 0o444


def test_the_settings_are_complete_with_the_secrets_that_the_docs_name(tmp_path: Path) -> None:
    page = (
        (DEPLOY.parent / "docs" / "deploying.md")
        .read_text("utf-8")
        .partition("\n## Kubernetes\n")[2]
    )
    named = set(re.findall(r"--from-file=([A-Z_]+)", page.partition("\n## ")[0]))
    for name in named:
        (tmp_path / name).write_text(
            "postgresql://db/keyturn" if name.endswith("URL") else "x" * 40, "utf-8"
        )
    assert named == {"KEYTURN_SECRET_KEY", "KEYTURN_DATABASE_URL", "RESEND_API_KEY"}
    assert (
        inspect_settings(FOLDER / "keyturn.toml", {"CREDENTIALS_DIRECTORY": str(tmp_path)}).faults
        == ()
    )


@pytest.mark.parametrize("name", [name for name in PODS if name.startswith("Deployment ")])
def test_probes_ask_the_process_s_port_and_a_worker_has_time_to_send_what_it_holds(
    name: str,
) -> None:
    (only,) = PODS[name]["containers"]
    (port,) = only["ports"]
    asked = {
        probe: only[probe]["httpGet"]
        for probe in ("startupProbe", "livenessProbe", "readinessProbe")
    }
    given = (
        only["args"][only["args"].index("--port") + 1]
        if "--port" in only["args"]
        else Settings().server.port
    )
    paths = [place["path"] for place in asked.values()]
    assert paths == ["/health/live", "/health/live", "/health/ready"], (
        "a restart does not fix a database"
    )
    assert {place["port"] for place in asked.values()} == {port["name"]}
    assert int(given) == port["containerPort"]
    grace = PODS["Deployment keyturn-worker"]["terminationGracePeriodSeconds"]
    assert grace > LONGEST_TRY.total_seconds() + 10
