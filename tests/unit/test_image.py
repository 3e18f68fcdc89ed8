"""The one image: what it holds, from what it is made, how it starts, and what it says of itself."""

import ctypes
import importlib.metadata
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tomllib
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import ModuleType

import pytest
import zstandard
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement

from tape.ops.doctor.installation import check_python, wanted
from tests.unit.test_stacks import APPS, DEPLOYED, ROOT, document

EXTRAS = ("postgres", "alerts", "page")
"""The extras of the package that the image has."""
LEFT_OUT = {"pandas", "pyarrow"}
"""Packages that a notebook needs, and no app."""
LEFT_OUT_OF_THEM = {"altair", "pydeck", "gitpython", "watchdog", "toml"}
"""What of Streamlit the page does not use."""


def script(name: str) -> ModuleType:
    """Return one of `ops` or `image` as a module."""
    spec = importlib.util.spec_from_file_location(Path(name).stem, ROOT / name)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def test_the_image_says_what_it_holds_of_others() -> None:
    written = (ROOT / "THIRD-PARTY.md").read_text()
    third_party = script("ops/third_party.py")
    lines = [line for line in written.splitlines() if line.startswith("| ")][1:]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    held = {name: version for name, version, _ in rows}
    assert held == third_party.pinned(), "out of date: python ops/third_party.py"
    assert len(held) > 50
    for name, version, licence in rows:
        assert licence
        if importlib.metadata.version(name) == version:  # another may have another licence
            assert licence == third_party.licence(name), "out of date: python ops/third_party.py"
    kept = (ROOT / ".dockerignore").read_text().splitlines()
    assert {"!LICENSE", "!THIRD-PARTY.md"} <= set(kept)
    assert "\nCOPY . /app\n" in (ROOT / "Dockerfile").read_text()


def locked() -> dict[str, str]:
    """What the image holds, by name."""
    text = (ROOT / "image/requirements.txt").read_text()
    return dict(
        line.split(" ")[0].split(";")[0].split("==")
        for line in text.splitlines()
        if "==" in line.split(" ")[0]
    )


def test_the_lock_satisfies_the_declared_pins_and_has_hashes() -> None:
    text = (ROOT / "image/requirements.txt").read_text()
    assert "://" not in text, "no package host in the lock"
    assert text.count("--hash=sha256:") >= len(locked())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"]]
    wanted += [one for extra in EXTRAS for one in project["optional-dependencies"][extra]]
    others = {one.name: one for one in map(Requirement, wanted)}
    assert set(others) > LEFT_OUT
    for name in set(others) - LEFT_OUT:
        assert others[name].specifier.contains(locked()[name]), others[name]


def test_the_image_leaves_out_what_no_app_needs() -> None:
    lines = (ROOT / "image/left-out.txt").read_text().splitlines()
    left_out = [Requirement(line.partition("#")[0]) for line in lines if line[0] != "#"]
    assert {one.name for one in left_out} == LEFT_OUT | LEFT_OUT_OF_THEM
    assert not any(one.marker is None or one.marker.evaluate() for one in left_out)
    assert not (LEFT_OUT | LEFT_OUT_OF_THEM | {"scikit-learn", "scipy"}) & locked().keys()


def test_the_bill_of_materials_lists_what_the_lock_lists(tmp_path: Path) -> None:
    """By the standard's own schema, and twice the same bytes."""
    sbom = script("ops/sbom.py")
    written = []
    for name in ("one.json", "two.json"):
        sbom.main([str(tmp_path / name)])
        written.append((tmp_path / name).read_text())
    assert written[0] == written[1]
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(written[0]) is None
    bill = json.loads(written[0])
    held = {c["name"]: c for c in bill["components"] if c["type"] == "library"}
    assert {n: c["version"] for n, c in held.items()} == script("ops/third_party.py").pinned()
    lock = (ROOT / "image/requirements.txt").read_text()
    for name, component in held.items():
        assert component["licenses"], name
        assert component["purl"] == f"pkg:pypi/{name}@{component['version']}"
        for one in component["hashes"]:
            assert f"--hash=sha256:{one['content']}" in lock
    (base,) = [c for c in bill["components"] if c["type"] == "container"]
    assert f"python:{base['version']}@{base['purl'].partition('@')[2]}" in bases()[0]


def bases() -> list[str]:
    text = (ROOT / "Dockerfile").read_text()
    return [line for line in text.splitlines() if line.startswith("ARG BASE_IMAGE=")]


def test_there_is_one_image_from_a_digest_that_can_be_replaced() -> None:
    """The apps' dockerfiles, which Quix reads, are the same text; compose builds once."""
    text = (ROOT / "Dockerfile").read_text()
    (base,) = bases()
    assert re.fullmatch(r"ARG BASE_IMAGE=python:3\.12-slim-bookworm@sha256:[0-9a-f]{64}", base)
    stages = [line for line in text.splitlines() if line.startswith("FROM ")]
    assert stages == ["FROM ${BASE_IMAGE} AS packages", "FROM ${BASE_IMAGE}"]
    for app in APPS:
        assert (ROOT / app / "dockerfile").read_text() == text, "run: python image/copies.py"
        assert document(f"{app}/app.yaml")["includedFolders"][:2] == ["tape", "image"]
    services = document("docker-compose.yml")["services"]
    ours = {name: one for name, one in services.items() if one["image"] == "tapewatch"}
    assert set(ours) == {*DEPLOYED, "grafana_sink", "topics", "tape"}
    builds = {name: one["build"] for name, one in ours.items() if "build" in one}
    assert builds == {"topics": {"context": ".", "args": {"BASE_IMAGE": None}}}
    for name, app in DEPLOYED.items():
        assert ours[name]["command"] == [app]
        assert ours[name]["pull_policy"] == "never", "nobody has pushed an image of this name"


def test_the_health_of_an_app_is_asked_where_it_listens() -> None:
    services = document("docker-compose.yml")["services"]
    for name in DEPLOYED:
        assert services[name]["healthcheck"]["test"] == ["CMD", "python3", "/app/image/health.py"]
        assert int(services[name]["environment"]["METRICS_PORT"]) > 0


@pytest.mark.parametrize(("well", "code"), [(True, 0), (False, 1), (None, 1)])
def test_the_health_check_ends_with_the_app_s_answer(well: bool | None, code: int) -> None:
    status = {True: 200, False: 503}

    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == "/health"
            assert well is not None
            self.send_response(status[well])
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Health) as server:
        if well is not None:
            Thread(target=server.handle_request, daemon=True).start()
        else:
            server.socket.close()
        env = {"METRICS_PORT": str(server.server_port), "PATH": ""}
        words = [sys.executable, "image/health.py"]
        assert subprocess.run(words, cwd=ROOT, env=env, capture_output=True).returncode == code


def test_what_is_cut_off_a_library_is_not_needed_to_load_it(tmp_path: Path) -> None:
    slim = script("image/slim.py")
    (tmp_path / "numpy/tests").mkdir(parents=True)
    (tmp_path / "numpy/tests/test_a.py").touch()
    (tmp_path / "numpy/kept.py").touch()
    (tmp_path / "numpy/types.pyi").touch()
    (tmp_path / "numpy/not_a_library.so").write_text("GROUP ( libc.so )")
    copy = tmp_path / "numpy/library.so"
    (library,) = Path(zstandard.__file__).parent.glob("backend_c*.so")
    shutil.copy(library, copy)
    before = copy.stat().st_size
    slim.slim(tmp_path)
    if before > 5_000_000:  # of a release with its symbols
        assert copy.stat().st_size < before / 2
    assert ctypes.CDLL(str(copy)).PyInit_backend_c is not None
    names = {path.relative_to(tmp_path / "numpy").as_posix() for path in tmp_path.rglob("*")}
    assert names == {".", "kept.py", "not_a_library.so", "library.so"}


ROOM = "/tmp/"  # noqa: S108 - of the entry point, replaced below


def run_entry(folder: Path, *words: str, work: str = "") -> subprocess.CompletedProcess[str]:
    """Run the entry point with `folder` as the image's root."""
    text = (ROOT / "image/run").read_text()
    assert "/app/" in text
    entry = folder / "run"
    entry.write_text(text.replace(ROOM, f"{folder}{ROOM}").replace("/app/", f"{folder}/app/"))
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    (programs / "python3").write_text('#!/bin/sh\necho "$PWD|python3 $*|$NUMBA_CACHE_DIR"\n')
    (programs / "python3").chmod(0o755)
    env = {"PATH": f"{programs}:/usr/bin:/bin", "TAPEWATCH_KERNELS": f"{folder}/kernels.tar.gz"}
    return subprocess.run(
        ["sh", str(entry), *words], cwd=folder / work, env=env, capture_output=True, text=True
    )


def run_image(folder: Path, *words: str, work: str = "") -> tuple[str, str]:
    """Return what the entry point starts, and where."""
    done = run_entry(folder, *words, work=work)
    assert done.returncode == 0, done.stderr
    where, what, cache = done.stdout.strip().split("|")
    assert cache == f"{folder}{ROOM}numba_cache"
    return Path(where).relative_to(folder).as_posix(), what


def test_the_entry_point_starts_an_app_by_name_and_any_command(tmp_path: Path) -> None:
    (tmp_path / "app/producer").mkdir(parents=True)
    (tmp_path / "app/producer/main.py").touch()
    (tmp_path / "kernels-1").mkdir()
    words = ["tar", "-czf", "kernels.tar.gz", "kernels-1"]
    subprocess.run(words, cwd=tmp_path, check=True)
    (tmp_path / "tmp").mkdir()
    assert run_image(tmp_path, "producer") == ("app/producer", "python3 main.py")
    assert (tmp_path / "tmp/numba_cache/kernels-1").is_dir(), "the compiled code is at hand"
    assert run_image(tmp_path, "python3", "-c", "1") == (".", "python3 -c 1")
    assert run_image(tmp_path) == (".", "python3 -m tape"), "nothing asked for: the help"
    assert run_image(tmp_path, work="app/producer") == ("app/producer", "python3 main.py"), "Quix"
    assert [path.name for path in (tmp_path / "tmp").iterdir()] == ["numba_cache"]


def test_a_word_that_is_no_app_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    done = run_entry(tmp_path, "detector")
    assert done.returncode == 4
    assert done.stderr.startswith("error: detector is neither an app (producer, anomaly_detector")
    named = re.search(r"app \((.*)\)", done.stderr)
    assert named is not None
    assert set(named[1].split(", ")) == set(APPS)


def test_the_entry_point_starts_without_room_for_compiled_code(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    assert run_image(tmp_path, "python3", "-V") == (".", "python3 -V")


def test_the_doctor_of_the_image_compares_with_its_lock(tmp_path: Path) -> None:
    """There is neither a pyproject.toml nor pip's note."""
    (tmp_path / "image").mkdir()
    shutil.copy(ROOT / "image/requirements.txt", tmp_path / "image")
    asked = wanted(tmp_path)
    assert asked is not None
    assert {one.name for one in asked.packages[""]} == set(locked())
    assert check_python(asked).verdict == "ok"
