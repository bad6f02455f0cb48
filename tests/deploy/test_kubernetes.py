"""The files for Kubernetes: sound by its own schemas, in step with one another and with the command line."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import kubernetes_validate
import pytest
import typer
import yaml

from engine.cli import application
from engine.edges.rules.watch import look
from engine.rulebook.load import load
from engine.settings import Settings, unknown_settings

ROOT: Final = Path(__file__).parents[2]
FILES: Final = ROOT / "deploy" / "kubernetes"
RELEASES: Final = ("1.30", "1.33", "1.37")
NAME: Final = "app.kubernetes.io/name"


def read(name: str) -> Any:
    return yaml.safe_load((FILES / name).read_text())


KUSTOMIZATION: Final = read("kustomization.yaml")
OBJECTS: Final[list[dict[str, Any]]] = [
    found
    for name in KUSTOMIZATION["resources"]
    for found in yaml.safe_load_all((FILES / name).read_text())
]
WORKLOADS: Final = [each for each in OBJECTS if each["kind"] == "StatefulSet"]
SERVERS: Final = next(each for each in WORKLOADS if each["metadata"]["name"] == "attune-server")


def named(each: dict[str, Any]) -> str:
    return f"{each['kind']}/{each['metadata']['name']}"


def pod(workload: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = workload["spec"]["template"]["spec"]
    return spec


def container(workload: dict[str, Any]) -> dict[str, Any]:
    (only,) = pod(workload)["containers"]
    found: dict[str, Any] = only
    return found


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("each", OBJECTS, ids=named)
def test_every_object_is_sound_by_the_schema_of_its_release(
    each: dict[str, Any], release: str
) -> None:
    assert kubernetes_validate.validate(each, release, strict=True) == release


def test_the_schema_knows_a_mistake_when_it_sees_one() -> None:
    broken = {**OBJECTS[0], "spec": {"finalisers": []}}
    with pytest.raises(kubernetes_validate.ValidationError, match="finalisers"):
        kubernetes_validate.validate(broken, RELEASES[-1], strict=True)


def test_every_file_is_applied() -> None:
    there = {path.name for path in FILES.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(KUSTOMIZATION["resources"]) == there


@pytest.mark.parametrize("workload", WORKLOADS, ids=named)
def test_selectors_find_the_pods(workload: dict[str, Any]) -> None:
    labels = workload["spec"]["template"]["metadata"]["labels"]
    assert workload["spec"]["selector"]["matchLabels"] == labels
    of_it = [
        each
        for each in OBJECTS
        if each["metadata"]["name"].startswith(labels[NAME].removesuffix("-server"))
        and each["kind"] in {"PodDisruptionBudget", "NetworkPolicy"}
        and each["metadata"]["name"] == labels[NAME]
    ]
    assert len(of_it) == 2
    for each in of_it:
        selector = each["spec"].get("selector") or each["spec"]["podSelector"]
        assert selector["matchLabels"] == labels


def test_scaling_names_what_is_there() -> None:
    targets = {
        (each["spec"]["scaleTargetRef"]["kind"], each["spec"]["scaleTargetRef"]["name"])
        for each in OBJECTS
        if each["kind"] == "HorizontalPodAutoscaler"
    }
    assert targets == {(each["kind"], each["metadata"]["name"]) for each in WORKLOADS}


def test_services_lead_to_ports_that_pods_have() -> None:
    services = [each for each in OBJECTS if each["kind"] == "Service"]
    by_labels = {str(each["spec"]["selector"]["matchLabels"]): each for each in WORKLOADS}
    for each in services:
        ports = {
            port["name"] for port in container(by_labels[str(each["spec"]["selector"])])["ports"]
        }
        assert {port["targetPort"] for port in each["spec"]["ports"]} <= ports
    names = {each["metadata"]["name"] for each in services}
    assert {each["spec"]["serviceName"] for each in WORKLOADS} <= names


@pytest.mark.parametrize("workload", WORKLOADS, ids=named)
def test_nothing_runs_as_root_or_writes_where_it_should_not(workload: dict[str, Any]) -> None:
    assert pod(workload)["securityContext"]["runAsNonRoot"] is True
    assert pod(workload)["automountServiceAccountToken"] is False
    guarded = container(workload)["securityContext"]
    assert guarded["readOnlyRootFilesystem"] is True
    assert guarded["allowPrivilegeEscalation"] is False
    assert guarded["capabilities"] == {"drop": ["ALL"]}
    resources = container(workload)["resources"]
    assert set(resources["requests"]) == {"cpu", "memory"}
    assert "memory" in resources["limits"]
    assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container(workload))


@pytest.mark.parametrize("workload", WORKLOADS, ids=named)
def test_volumes_settings_and_secrets_are_there(workload: dict[str, Any]) -> None:
    volumes = {volume["name"] for volume in pod(workload)["volumes"]}
    claims = workload["spec"].get("volumeClaimTemplates", [])
    volumes |= {claim["metadata"]["name"] for claim in claims}
    assert {mount["name"] for mount in container(workload)["volumeMounts"]} == volumes
    maps = {each["metadata"]["name"] for each in OBJECTS if each["kind"] == "ConfigMap"}
    maps |= {each["name"] for each in KUSTOMIZATION["configMapGenerator"]}
    wanted = {each["configMapRef"]["name"] for each in container(workload)["envFrom"]}
    wanted |= {
        each["configMap"]["name"] for each in pod(workload)["volumes"] if "configMap" in each
    }
    assert wanted <= maps


@pytest.mark.parametrize("workload", WORKLOADS, ids=named)
def test_the_command_line_takes_these_options(workload: dict[str, Any]) -> None:
    name, *options = container(workload)["args"]
    command = typer.main.get_command(application([name])).commands[name]  # type: ignore[attr-defined]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {option.partition("=")[0] for option in options} <= known


@pytest.mark.parametrize("workload", WORKLOADS, ids=named)
def test_every_variable_is_a_setting(workload: dict[str, Any]) -> None:
    (settings,) = [each for each in OBJECTS if each["metadata"]["name"] == "attune-settings"]
    environment = {
        **settings["data"],
        **{each["name"]: each.get("value", "redis://redis") for each in container(workload)["env"]},
    }
    assert unknown_settings(environment) == []
    read_so = Settings.of(environment)
    assert pod(workload)["terminationGracePeriodSeconds"] > read_so.linger + read_so.grace


def mounted(folder: Path, version: str, added: str = "") -> None:
    """The rule book as Kubernetes mounts it: links through `..data`, which is exchanged in one step."""
    (generator,) = KUSTOMIZATION["configMapGenerator"]
    sources = dict(entry.split("=") for entry in generator["files"])
    (rules,) = [each for each in pod(SERVERS)["volumes"] if each["name"] == "rules"]
    for item in rules["configMap"]["items"]:
        place = folder / version / item["path"]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text((FILES / sources[item["key"]]).read_text() + added)
    exchanged = folder / "..data_tmp"
    exchanged.symlink_to(version)
    exchanged.replace(folder / "..data")
    for top in {item["path"].split("/")[0] for item in rules["configMap"]["items"]}:
        if not (folder / top).is_symlink():
            (folder / top).symlink_to(f"..data/{top}")


def test_the_rule_book_is_read_as_kubernetes_mounts_it_and_a_change_is_seen(
    tmp_path: Path,
) -> None:
    mounted(tmp_path, "..2026_1")
    first = load(tmp_path).book
    assert first is not None
    assert [action.action_id for action in first.actions] == ["bigger_plan"]
    before = look(tmp_path)
    mounted(tmp_path, "..2026_2", added="# changed\n")
    assert look(tmp_path) != before
    second = load(tmp_path).book
    assert second is not None
    assert second.version != first.version


def test_servers_and_workers_read_the_same_rule_book() -> None:
    mounts = [
        next(each for each in pod(workload)["volumes"] if each["name"] == "rules")
        for workload in WORKLOADS
    ]
    assert len(mounts) == 2
    assert mounts[0] == mounts[1]


def test_every_rule_file_is_in_the_map() -> None:
    (generator,) = KUSTOMIZATION["configMapGenerator"]
    listed = {entry.split("=")[1] for entry in generator["files"]}
    assert listed == {str(path.relative_to(FILES)) for path in rule_files()}


def rule_files() -> Iterator[Path]:
    return (FILES / "rules").rglob("*.yaml")
