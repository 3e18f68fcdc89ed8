"""Mistyped names of settings of any length are found, and names of other programs are not."""

import os
from itertools import pairwise

import pytest

from tape.errors import SettingsError
from tape.settings.broker import BrokerSettings
from tape.settings.load import load
from tape.settings.misspelt import OTHERS, meant_by
from tape.settings.names import NAMES

OF_OTHERS = """
HOME PATH PWD OLDPWD SHELL USER LOGNAME LANG LANGUAGE LC_ALL LC_CTYPE TERM TERM_PROGRAM SHLVL MAIL
EDITOR VISUAL PAGER LESS LS_COLORS HISTFILE HISTSIZE HISTFILESIZE HISTCONTROL HISTTIMEFORMAT
INPUTRC PS1 PS2 PROMPT PROMPT_COMMAND DISPLAY WAYLAND_DISPLAY WINDOWID WINDOWPATH XAUTHORITY
XDG_DATA_DIRS XDG_DATA_HOME XDG_CONFIG_HOME XDG_CACHE_HOME XDG_RUNTIME_DIR XDG_SESSION_TYPE
DESKTOP_SESSION SESSION_MANAGER GDMSESSION DBUS_SESSION_BUS_ADDRESS SSH_AUTH_SOCK SSH_AGENT_PID
SSH_CLIENT SSH_TTY GPG_AGENT_INFO TMPDIR TEMP TMP TZ COLUMNS LINES NO_COLOR COLORTERM FORCE_COLOR
CLICOLOR PYTHONPATH PYTHONHOME PYTHONUNBUFFERED PYTHONDONTWRITEBYTECODE VIRTUAL_ENV
VIRTUAL_ENV_PROMPT CONDA_PREFIX CONDA_DEFAULT_ENV CONDA_SHLVL CONDA_EXE PIP_INDEX_URL UV_CACHE_DIR
NUMBA_CACHE_DIR OMP_NUM_THREADS JAVA_HOME JDK_HOME GOPATH GOROOT CARGO_HOME RUSTUP_HOME NVM_DIR
NODE_ENV NODE_OPTIONS NPM_CONFIG_CACHE CI GITHUB_ACTIONS GITHUB_OUTPUT GITHUB_ENV GITHUB_TOKEN
GITHUB_WORKSPACE GITHUB_STEP_SUMMARY GITHUB_SHA INPUT_TOKEN RUNNER_OS RUNNER_TEMP
RUNNER_TOOL_CACHE ImageOS ImageVersion AGENT_TOOLSDIRECTORY GITLAB_CI CI_PROJECT_DIR CI_JOB_ID
BUILD_ID BUILD_NUMBER BUILD_SOURCESDIRECTORY JENKINS_HOME WORKSPACE AWS_PROFILE AWS_REGION
AWS_DEFAULT_REGION AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AZURE_CONFIG_DIR
GOOGLE_APPLICATION_CREDENTIALS CLOUDSDK_CONFIG INSTANCE_ID INSTANCE_TYPE REGION ZONE
KUBERNETES_SERVICE_HOST KUBERNETES_SERVICE_PORT KUBERNETES_PORT_443_TCP_ADDR HOSTNAME POD_NAME
POD_IP NODE_NAME NAMESPACE KAFKA_SERVICE_HOST KAFKA_PORT KAFKA_BROKERS KAFKA_BOOTSTRAP_SERVERS
KAFKA_HOME KAFKA_OPTS KAFKA_HEAP_OPTS POSTGRES_USER POSTGRES_DB POSTGRES_PASSWORD POSTGRES_HOST
PGHOST PGPORT PGUSER PGDATABASE PGPASSWORD PGDATA DATABASE_HOST DATABASE_PORT DATABASE_NAME
DATABASE_USER DATABASE_PASSWORD DB_URL REDIS_URL ELASTIC_PASSWORD ELASTICSEARCH_HOST
ELASTICSEARCH_PORT ES_JAVA_OPTS BASE_IMAGE DOCKER_HOST COMPOSE_PROJECT_NAME COMPOSE_PROFILES
container SYSTEMD_EXEC_PID INVOCATION_ID JOURNAL_STREAM Quix__Portal__Api Quix__Workspace__Id
Quix__Sdk__Token Quix__Deployment__Id Quix__Deployment__Name Quix__Deployment__ReplicaName
Quix__Deployment__State__Type MAINAPPPATH LOG LOGS LOGLEVEL LOG_DIR LOG_FILE DEBUG VERBOSE MODE
MODE_ENV SEED LINK TREE_HASH ROLE ROLES STRIPE_KEY STRIDES_DIR TRAIN
TRAINING_JOB_NAME SM_MODEL_DIR MODEL_DIR MODEL_NAME DATASET_DIR DATA_PATH DATADIR_ROOT BATCH
BATCH_ID PORT HOST URL BASE_URL API_URL APP_URL PUBLIC_URL HTTP_PROXY HTTPS_PROXY http_proxy
https_proxy no_proxy OUTPUT INPUT OUTPUTS INPUTS OUTPUT_DIR INPUT_FILE VSCODE_IPC_HOOK_CLI
CHROME_DESKTOP ORIGINAL_XDG_CURRENT ALLUSERSPROFILE USERPROFILE APPDATA LOCALAPPDATA COMSPEC
PATHEXT SYSTEMROOT WINDIR PROCESSOR_LEVEL
"""
"""What shells, desktops, build servers, clouds, containers and other programs set."""


def test_names_of_other_programs_are_none_of_ours() -> None:
    found = {name: meant_by(name) for name in [*OF_OTHERS.split(), *os.environ]}
    wrong = {name: meant for name, meant in found.items() if meant is not None}
    assert not wrong


@pytest.mark.parametrize("setting", NAMES)
def test_a_slip_in_any_name_is_found_however_short_it_is(setting: str) -> None:
    """A letter missing, doubled, or changed with its neighbour; a plural; capitals or not."""
    slips = {f"{setting}S", setting + setting[-1], *(_without(setting)), *(_swapped(setting))}
    if setting not in ("input", "output"):
        slips |= {setting.lower(), setting.upper(), setting.capitalize()}
    for slip in slips - {*NAMES} - OTHERS:
        assert meant_by(slip) is not None, slip


def _without(setting: str) -> set[str]:
    first = 0 if len(setting) > 6 else 1
    return {setting[:n] + setting[n + 1 :] for n in range(first, len(setting))}


def _swapped(setting: str) -> set[str]:
    first = 0 if len(setting) > 6 else 1
    pairs = pairwise(range(first, len(setting)))
    return {setting[:a] + setting[b] + setting[a] + setting[b + 1 :] for a, b in pairs}


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("PROFIL", "PROFILE"),
        ("PROFILES", "PROFILE"),
        ("profile", "PROFILE"),
        ("MODELS", "MODEL"),
        ("SYMBOL", "SYMBOLS"),
        ("SINKS", "SINK"),
        ("Window", "WINDOW"),
        ("ouput", "output"),
        ("inputs", "input"),
        ("VOLUME_TRESHOLD", "VOLUME_THRESHOLD"),
        ("COMMIT_INTERVAL", "COMMIT_INTERVAL_S"),
        ("QUIX__BROKER__ADDRESS", "Quix__Broker__Address"),
    ],
)
def test_the_nearest_setting_is_named(
    name: str, meant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "x")
    with pytest.raises(SettingsError, match=f"^{name} is set, but the setting is called {meant};"):
        load(BrokerSettings)
