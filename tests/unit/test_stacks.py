"""One set of settings: quix.yaml, app.yaml, compose, .env.example and the classes agree."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pytest
import yaml
from dotenv import dotenv_values
from pydantic import SecretStr
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from tape.kafka.topics import pipeline_topics
from tape.ops.demo.app_process import LASTING_CODES
from tape.settings.alerter import AlerterSettings
from tape.settings.all_settings import names
from tape.settings.broker import BrokerSettings
from tape.settings.databento import FetchSettings
from tape.settings.detector import DetectorSettings
from tape.settings.page import PageSettings
from tape.settings.producer import ProducerSettings
from tape.settings.sink import SinkSettings

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = Path(__file__).parent / "schemas"
APPS: dict[str, type[BrokerSettings]] = {
    "producer": ProducerSettings,
    "anomaly_detector": DetectorSettings,
    "anomaly_sink": SinkSettings,
    "alerter": AlerterSettings,
    "dashboard": PageSettings,
}
DEPLOYED = {
    "producer": "producer",
    "anomaly_detector": "anomaly_detector",
    "postgres_sink": "anomaly_sink",
    "elasticsearch_sink": "anomaly_sink",
    "alerter": "alerter",
    "dashboard": "dashboard",
}
"""The app of what runs: of the sink there may be one per store."""
BROKER = "Quix__Broker__Address"
STATE = "Quix__Deployment__State__Path"
ELSEWHERE = {"DATA_DIR", "INSTANCE", "PAGE_HOST", "SINK"}
"""Settings whose value differs in a container."""
NEED_A_PERSON = sorted(LASTING_CODES - {0})
"""Exit codes that a start says again: 2 and 3 (rejected records), 4 (a setting, the state)."""

POD_OF = {"producer.yaml": "producer", "detector.yaml": "anomaly_detector"} | {
    "sink.yaml": "anomaly_sink",
    "alerter.yaml": "alerter",
    "dashboard.yaml": "dashboard",
}


def document(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / name).read_text())
    return loaded


def default(kind: type[BaseSettings], name: str) -> object:
    value = names(kind)[name].get_default(call_default_factory=False)
    if name in ("HISTORY_FROM", "HISTORY_TO"):
        return ""  # all that there is
    if isinstance(value, tuple):
        return ",".join(value)
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, frozenset) or value in (None, PydanticUndefined):
        return ""
    return value


def same(text: object, value: object) -> bool:
    if isinstance(value, float | int):
        return float(str(text)) == value
    return str(text or "") == str(value)


@pytest.mark.parametrize("name", DEPLOYED)
def test_app_yaml_and_quix_yaml_name_every_setting_with_its_default(name: str) -> None:
    app = DEPLOYED[name]
    declared = {v["name"]: v for v in document(f"{app}/app.yaml")["variables"]}
    deployments = {d["name"]: d for d in document("quix.yaml")["deployments"]}
    assert set(deployments) == set(DEPLOYED)
    deployment = deployments[name]
    assert deployment["application"] == app
    deployed = {v["name"]: v for v in deployment["variables"]}
    assert set(declared) == set(names(APPS[app])) - {BROKER}
    assert set(deployed) == set(declared) - {STATE}
    for name, variable in declared.items():
        if variable["inputType"] == "Secret":
            assert deployed[name]["secretKey"] == variable["secretKey"]
            continue
        assert same(variable["defaultValue"], default(APPS[app], name)), name
        if name in deployed and name not in ELSEWHERE:
            assert same(deployed[name]["value"], default(APPS[app], name)), name


def test_env_example_names_every_setting_with_its_default() -> None:
    example = dotenv_values(ROOT / ".env.example")
    kinds: list[type[BaseSettings]] = [*APPS.values(), FetchSettings]
    known = {name: kind for kind in kinds for name in names(kind)}
    assert set(example) == set(known)
    for name, text in example.items():
        assert same(text, default(known[name], name)), name


@pytest.mark.parametrize("name", DEPLOYED)
def test_the_compose_file_sets_only_what_is_known(name: str) -> None:
    service = document("docker-compose.yml")["services"][name]
    assert set(service["environment"]) <= set(names(APPS[DEPLOYED[name]]))
    assert service["environment"][BROKER] == "redpanda:9092"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


OF_ITS_BROKER = {
    *("KAFKA_SECURITY_PROTOCOL", "KAFKA_SASL_MECHANISM", "KAFKA_SSL_CA_FILE"),
    *("KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD"),
}
"""Compose brings its own broker, which asks for no name."""
OF_OTHER_STORES = {"SINK_DIR", "SINK_CONSUMER_GROUP", "DATABASE_PASSWORD_FILE"}
"""Each sink of compose has a store of its own, its password in the URL, and a group of its own."""
WITHOUT: dict[str, set[str]] = {
    "producer": {"DATABASE_PASSWORD_FILE"},
    "anomaly_detector": set(),
    "postgres_sink": {
        *OF_OTHER_STORES,
        *(name for name in names(SinkSettings) if name.startswith("ELASTICSEARCH_")),
        "INDEX_PREFIX",
    },
    "elasticsearch_sink": {
        *OF_OTHER_STORES,
        *("DATABASE_URL", "POSTGRES_SCHEMA", "ELASTICSEARCH_API_KEY", "ELASTICSEARCH_USERNAME"),
        *("ELASTICSEARCH_PASSWORD", "ELASTICSEARCH_CA_FILE"),
    },
    "alerter": {"ALERT_URLS_FILE", "ALERT_CALENDARS"},  # files that a mount of one's own brings
    "dashboard": set(),
}
PASSED = re.compile(r"\$\{(\w+):-([^}]*)\}")
MOUNTED = re.compile(r"\$\{(\w+):\+(/settings/[\w.]+)\}")


@pytest.mark.parametrize("name", DEPLOYED)
def test_compose_passes_every_setting_with_its_default(name: str) -> None:
    kind = APPS[DEPLOYED[name]]
    service = document("docker-compose.yml")["services"][name]
    environment = service["environment"]
    assert set(names(kind)) - set(environment) == OF_ITS_BROKER | WITHOUT[name]
    mounts = {one["target"]: one for one in service.get("volumes", []) if isinstance(one, dict)}
    for setting, text in environment.items():
        passed, mounted = PASSED.fullmatch(str(text)), MOUNTED.fullmatch(str(text))
        if passed and setting != "INSTANCE":
            assert passed[1] == setting
            assert same(passed[2], default(kind, setting)), setting
        if mounted:
            mount = mounts.pop(mounted[2])
            assert (mounted[1], mount["source"]) == (setting, f"${{{setting}:-/dev/null}}")
            assert (mount["type"], mount["read_only"]) == ("bind", True)
            assert mount["bind"] == {"create_host_path": False}, "a wrong path is said, not made"
    assert not mounts
    assert {"THRESHOLDS_FILE", "RANKING_FILE"} <= environment.keys() or name != "anomaly_detector"


def test_topics_are_the_same_everywhere() -> None:
    quix = {t["name"]: t["configuration"] for t in document("quix.yaml")["topics"]}
    for spec in pipeline_topics(
        group="anomaly-detector", alerts="alerts", bars="bars", reviews="reviews"
    ):
        if spec.name in quix:
            assert quix[spec.name]["partitions"] == spec.partitions
            policy = spec.config.get("cleanup.policy", "delete")
            if policy == "compact,delete":  # Quix cannot say that compaction has to wait
                policy = "delete"
            assert quix[spec.name]["cleanupPolicy"].lower() == policy
            if policy == "delete":
                minutes = int(spec.config["retention.ms"]) // 60_000
                assert quix[spec.name]["retentionInMinutes"] == minutes
    assert set(quix) == {
        spec.name for spec in pipeline_topics(alerts="alerts", bars="bars", reviews="reviews")
    }


def test_compose_leaves_the_topics_to_their_one_definition() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    services = document("docker-compose.yml")["services"]
    assert services["topics"]["command"] == ["tape", "topics", "create"]
    assert "rpk topic" not in text
    assert "retention.ms" not in text
    group = services["anomaly_detector"]["environment"]["Quix__Consumer_Group"]
    assert group == default(DetectorSettings, "Quix__Consumer_Group")
    for runs, app in DEPLOYED.items():
        for name in ("input", "output", "rejected", "EPISODES_TOPIC"):
            assert services[runs]["environment"][name] == default(APPS[app], name)
        after = services[runs]["depends_on"]
        assert after["topics"] == {"condition": "service_completed_successfully"}


def test_the_stores_and_their_sinks_start_only_when_asked_for_and_in_that_order() -> None:
    services = document("docker-compose.yml")["services"]
    asked: dict[str, set[str]] = {}
    for name, service in services.items():
        for profile in service.get("profiles", ()):
            asked.setdefault(profile, set()).add(name)
    assert asked == {
        "postgres": {"postgres", "postgres_sink"},
        "grafana": {"postgres", "postgres_sink", "grafana_sink", "prometheus", "grafana"}
        | {"grafana_reader"},
        "elastic": {"elasticsearch", "kibana", "elasticsearch_sink"},
        "alerts": {"alerter"},
        "page": {"dashboard"},
        "tools": {"tape"},
    }
    search = services["elasticsearch_sink"]
    assert search["depends_on"]["elasticsearch"] == {"condition": "service_healthy"}
    (port,) = services["elasticsearch"]["ports"]
    assert search["environment"]["ELASTICSEARCH_URL"] == f"http://elasticsearch:{port[-4:]}"
    assert search["environment"]["SINK"] == "elasticsearch"
    assert services["postgres_sink"]["depends_on"]["postgres"] == {"condition": "service_healthy"}
    made, used = services["postgres"]["environment"], services["postgres_sink"]["environment"]
    url = urlsplit(used["DATABASE_URL"].replace("${POSTGRES_PASSWORD:-tapewatch}", "word"))
    assert (url.hostname, url.port, url.password) == ("postgres", 5432, "word")
    assert (url.username, url.path[1:]) == (made["POSTGRES_USER"], made["POSTGRES_DB"])
    assert made["POSTGRES_PASSWORD"].startswith("${POSTGRES_PASSWORD:-tapewatch}")


def test_ports_are_published_on_this_machine_only() -> None:
    for service in document("docker-compose.yml")["services"].values():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:")


def test_the_files_satisfy_their_schemas() -> None:
    check = [("quix.yaml", "quix"), *((f"{app}/app.yaml", "app") for app in APPS)]
    for name, schema in check:
        jsonschema.validate(
            document(name), json.loads((SCHEMAS / f"{schema}.schema.json").read_text())
        )
    command = [sys.executable, "-m", "check_jsonschema"]
    compose = ["--builtin-schema", "vendor.compose-spec", "docker-compose.yml"]
    done = subprocess.run([*command, *compose], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_issue_forms_are_forms() -> None:
    forms = sorted(str(path) for path in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))
    assert len(forms) == 3
    words = [sys.executable, "-m", "check_jsonschema", "--builtin-schema"]
    done = subprocess.run([*words, "vendor.github-issue-forms", *forms], capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr


def kubernetes(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((ROOT / "ops/kubernetes" / name).read_text()))


@pytest.mark.parametrize("name", DEPLOYED)
def test_compose_has_a_first_process_that_passes_signals_on(name: str) -> None:
    services = document("docker-compose.yml")["services"]
    assert services[name]["init"] is services["topics"]["init"] is True


@pytest.mark.parametrize(("name", "app"), POD_OF.items())
def test_the_kubernetes_examples_set_only_what_is_known_and_lock_their_pods(
    name: str, app: str
) -> None:
    (workload,) = (d for d in kubernetes(name) if d["kind"] in ("StatefulSet", "Job"))
    pod = workload["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["terminationGracePeriodSeconds"] >= 60
    volumes = {v["name"] for v in pod["volumes"]}
    volumes |= {c["metadata"]["name"] for c in workload["spec"].get("volumeClaimTemplates", [])}
    for container in [*pod.get("initContainers", []), *pod["containers"]]:
        security = container["securityContext"]
        assert security["readOnlyRootFilesystem"] is True
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"]["memory"]
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
    (container,) = pod["containers"]
    env = {one["name"]: one["value"] for one in container["env"]}
    assert set(env) <= set(names(APPS[app]))
    assert {"name": "metrics", "containerPort": int(env["METRICS_PORT"])} in container["ports"]
    for probe in ("startupProbe", "livenessProbe"):
        assert container[probe]["httpGet"] == {"path": "/health", "port": "metrics"}


def test_the_kubernetes_job_ends_at_exit_codes_that_need_a_person() -> None:
    (job,) = kubernetes("producer.yaml")
    pod = job["spec"]["template"]["spec"]
    rules = {rule["action"]: rule for rule in job["spec"]["podFailurePolicy"]["rules"]}
    codes = rules["FailJob"]["onExitCodes"]
    assert pod["restartPolicy"] == "Never", "podFailurePolicy allows no other"
    assert codes["values"] == NEED_A_PERSON
    assert codes["containerName"] == pod["containers"][0]["name"]


def test_the_kubernetes_detectors_keep_their_names_and_state() -> None:
    service, workload = kubernetes("detector.yaml")
    pod = workload["spec"]["template"]
    assert workload["spec"]["serviceName"] == service["metadata"]["name"]
    assert service["spec"]["selector"] == workload["spec"]["selector"]["matchLabels"]
    assert pod["metadata"]["labels"] == service["spec"]["selector"]
    (container,) = pod["spec"]["containers"]
    env = {one["name"]: one["value"] for one in container["env"]}
    assert "INSTANCE" not in env, "of none: the name of the pod, which a StatefulSet keeps"
    assert env[STATE] in {mount["mountPath"] for mount in container["volumeMounts"]}


def test_the_kubernetes_sinks_read_their_password_from_a_file_that_is_mounted() -> None:
    _, workload = kubernetes("sink.yaml")
    pod = workload["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    env = {one["name"]: one["value"] for one in container["env"]}
    assert urlsplit(env["DATABASE_URL"]).password is None
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    folder, _, name = env["DATABASE_PASSWORD_FILE"].rpartition("/")
    (secret,) = (v["secret"] for v in pod["volumes"] if v["name"] == mounts[folder])
    text = (ROOT / "ops/kubernetes/sink.yaml").read_text()
    assert f"secret generic {secret['secretName']} --from-file={name}=" in text


def unit_of(app: str) -> Path:
    return ROOT / f"ops/systemd/tapewatch-{app.removeprefix('anomaly_')}.service"


@pytest.mark.parametrize("app", APPS)
def test_the_systemd_units_stay_down_at_exit_codes_that_need_a_person(app: str) -> None:
    lines = [line for line in unit_of(app).read_text().splitlines() if line[:1] != "#"]
    told = [line.split("=", 1) for line in lines if "=" in line]
    unit = dict(told)
    assert unit["RestartPreventExitStatus"].split() == list(map(str, NEED_A_PERSON))
    assert unit["Restart"] == "on-failure"
    assert unit["ExecStart"].endswith(f"/{app}/main.py")
    assert (ROOT / app / "main.py").exists()
    env = dict(one.split("=", 1) for one in unit["Environment"].split())
    assert set(env) - {"NUMBA_CACHE_DIR"} <= set(names(APPS[app]))


@pytest.mark.parametrize("app", APPS)
def test_systemd_takes_the_units(app: str, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed: settings checked, syntax not")
    copy = tmp_path / unit_of(app).name
    python = "ExecStart=/opt/tapewatch/.venv/bin/python"
    text = unit_of(app).read_text()
    assert python in text
    copy.write_text(text.replace(python, f"ExecStart={sys.executable}"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(copy)], capture_output=True, text=True
    )
    ours = [line for line in (done.stdout + done.stderr).splitlines() if copy.name in line]
    assert ours == [], done.stderr
