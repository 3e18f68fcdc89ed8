"""What a wheel holds."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

import tape
from tape.errors import TapeError
from tape.ops.app_files import app_main
from tests.apps import ROOT

APPS = tuple(sorted(file.parent.name for file in ROOT.glob("*/app.yaml")))


@pytest.mark.parametrize("name", APPS)
def test_in_a_checkout_the_apps_are_beside_the_package(name: str) -> None:
    assert app_main(name) == ROOT / name / "main.py"


def test_a_package_without_apps_says_so(tmp_path: Path) -> None:
    (tmp_path / "tape").mkdir()
    with pytest.raises(TapeError, match="install tapewatch again"):
        app_main("producer", tmp_path / "tape")


def test_a_wheel_holds_all_of_the_package_and_the_apps() -> None:
    """As listed by what builds it: a pattern of .gitignore would take files out without a word."""
    wheel = pytest.importorskip("hatchling.builders.wheel").WheelBuilder(str(ROOT))
    sdist = pytest.importorskip("hatchling.builders.sdist").SdistBuilder(str(ROOT))
    held = {file.distribution_path for file in wheel.recurse_included_files()}
    there = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "tape").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert held == there | {f"tape/_apps/{name}/main.py" for name in APPS}
    in_source = {file.distribution_path for file in sdist.recurse_included_files()}
    assert there <= in_source
    needed = {"pyproject.toml", "README.md", "LICENSE", *(f"{name}/main.py" for name in APPS)}
    assert needed <= in_source


def test_a_release_is_published_by_a_job_that_does_nothing_else() -> None:
    """No action can change behind its name, and only the last job may speak for the project."""
    text = (ROOT / ".github/workflows/release.yml").read_text()
    others = (ROOT / ".github/workflows/wheel.yml").read_text()
    jobs = yaml.safe_load(text)["jobs"]
    used = re.findall(r"uses: (\S+)", text)
    assert set(re.findall(r"uses: (\S+)", others)) < set(used)
    assert len(used) == 8
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", one) for one in used)
    assert [name for name, job in jobs.items() if "permissions" in job] == ["publish"]
    assert (jobs["publish"]["needs"], jobs["try"]["needs"]) == ("try", "build")
    assert not any("run" in step for step in jobs["publish"]["steps"])


def test_all_is_every_extra_that_somebody_may_use() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    ours = re.compile(r"tapewatch\[([a-z,-]+)\]")

    def within(name: str) -> set[str]:
        names = [
            part
            for one in extras[name]
            if (found := ours.match(one))
            for part in found[1].split(",")
        ]
        return {name}.union(*map(within, names))

    assert set(extras) - within("all") == {"bench", "dev", "postgres-server"}


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the source distribution, and the wheel that is built from it."""
    out = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "build", "-o", out, ROOT], check=True, timeout=600)
    (source,), (wheel,) = out.glob("*.tar.gz"), out.glob("*.whl")
    return source, wheel


CERTIFICATES = {"REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"}
"""Where a network has an authority of its own; the demo fetches Kafka's jars."""


class Installed:
    """The wheel in an environment, a home and a folder that hold nothing else."""

    def __init__(self, folder: Path, wheel: Path, extras: str) -> None:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "env"], check=True)
        self._bin, self._home = folder / "env/bin", folder / "home"
        self._home.mkdir()
        pip = [sys.executable, "-m", "pip", "--python", str(self._bin / "python")]
        words = [*pip, "install", "-q", f"{wheel}{extras}"]
        subprocess.run(words, check=True, timeout=1_200)

    def run(self, *words: str, code: int = 0) -> str:
        """Return what a command prints, on either way out."""
        env = {"PATH": f"{self._bin}:/usr/bin:/bin", "HOME": str(self._home)}
        env |= {name: os.environ[name] for name in CERTIFICATES & os.environ.keys()}
        done = subprocess.run(
            words, cwd=self._home, env=env, capture_output=True, text=True, timeout=1_200
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.mark.full
def test_a_source_distribution_builds_the_wheel_of_the_tree(
    built: tuple[Path, Path], tmp_path: Path
) -> None:
    words = [sys.executable, "-m", "build", "--wheel", "-o", tmp_path, ROOT]
    subprocess.run(words, check=True, timeout=600)
    (of_tree,) = tmp_path.glob("*.whl")
    assert of_tree.read_bytes() == built[1].read_bytes()


@pytest.mark.full
def test_a_wheel_holds_no_rest_of_a_run_and_its_licence(built: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built[1]) as file:
        names = file.namelist()
    about = {name for name in names if ".dist-info/" in name}
    assert all(name.startswith("tape/") for name in set(names) - about)
    assert [name for name in about if name.endswith("licenses/LICENSE")]
    others = {name for name in set(names) - about if not name.startswith("tape/page/live/")}
    assert {Path(name).suffix for name in others} == {".py", ".typed", ".sql", ".json"}
    assert not [name for name in names if "__pycache__" in name or "/tests/" in name]


MISSING = {
    ("demo",): "broker",
    ("broker", "start", "--port", "29092"): "broker",
    ("sink", "check"): "sink",
    ("train", "days", "--output", "model"): "train",
}
"""Commands that the base install does not run, and the extra that each needs."""


@pytest.fixture(scope="session")
def base(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Return the wheel without extras, with a day to work on."""
    base = Installed(tmp_path_factory.mktemp("base"), built[1], "")
    base.run("tape", "synth", "--output", "days", "--trades", "3000")
    return base


@pytest.mark.full
def test_the_base_install_is_quick_to_import_and_says_what_is_missing(base: Installed) -> None:
    for name in ("tape", "tapewatch"):
        assert base.run(name, "--version") == f"tapewatch {tape.__version__}\n"
    loaded = (
        "import time; t = time.perf_counter(); import tape; t = time.perf_counter() - t; "
        "import sys; print(t < 0.3, *{'confluent_kafka', 'quixstreams', 'numba'} & {*sys.modules})"
    )
    assert base.run("python", "-c", loaded) == "True\n"
    for words, extra in MISSING.items():
        said = base.run("tape", *words, code=4)
        assert f"pip install 'tapewatch[{extra}]'" in said, words
        assert said.count("\n") == 1, f"not one sentence: {said}"


@pytest.mark.full
def test_the_base_install_serves_a_notebook(base: Installed) -> None:
    code = (
        "import tape; found = tape.detect('days', profile='calibrated'); "
        "print(len(found.to_pandas()), len(found.to_arrow()), len(found)); "
        "found.plot(found.top(1)[0]['episode_id'])"
    )
    pandas, arrow, own = map(int, base.run("python", "-c", code).split())
    assert pandas == arrow == own > 0
    assert "trades" in base.run("tape", "replay", "days")


@pytest.mark.full
def test_a_wheel_in_an_empty_environment_runs_the_demo(
    built: tuple[Path, Path], tmp_path: Path
) -> None:
    """Nothing was compiled before: that comes first, and is said."""
    own = Installed(tmp_path, built[1], "[broker]")
    said = own.run("tapewatch", "demo")
    assert said.index("compiling the detector") < said.index("most telling") < said.index("NVDA")
    assert "compiling" not in own.run("tape", "demo"), "once"


@pytest.mark.full
def test_an_installed_wheel_finds_the_apps(tmp_path: Path) -> None:
    """Built from this tree and unpacked elsewhere: `tape demo` begins, away from any checkout."""
    words = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(tmp_path)]
    subprocess.run([*words, str(ROOT)], check=True, timeout=300)
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as file:
        file.extractall(site)
    for name in APPS:
        program = f"from tape.ops.app_files import app_main; print(app_main({name!r}))"
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=tmp_path,
            env={"PYTHONPATH": str(site), "PATH": ""},
            capture_output=True,
            text=True,
            check=True,
        )
        found = Path(done.stdout.strip())
        assert found == site / "tape" / "_apps" / name / "main.py"
        assert found.read_bytes() == (ROOT / name / "main.py").read_bytes()


def test_the_version_is_that_of_the_tag() -> None:
    """At a commit with a tag; everywhere, the version of a tree without git is the messages'."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["hatch"]["version"]["fallback-version"] == tape.__version__
    words = ["git", "-C", str(ROOT), "tag", "--points-at", "HEAD", "--list", "v*"]
    tags = subprocess.run(words, capture_output=True, text=True).stdout.split()
    assert not tags or f"v{tape.__version__}" in tags


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "tape/py.typed").read_bytes() == b""


@pytest.mark.full
@pytest.mark.parametrize(("tag", "version"), [("v9.8.7", "9.8.7"), (None, tape.__version__)])
def test_a_wheel_is_named_by_the_tag_or_without_git_by_the_source(
    tag: str | None, version: str, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    archive = subprocess.run(
        ["git", "-C", str(ROOT), "archive", "HEAD"], check=True, capture_output=True
    )
    subprocess.run(["tar", "-x", "-C", str(tree)], input=archive.stdout, check=True)
    if tag is not None:
        git = ["git", "-C", str(tree), "-c", "user.name=a", "-c", "user.email=a@b.example"]
        for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "all"], ["tag", tag]):
            subprocess.run([*git, *words], check=True)
    words = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(tmp_path)]
    subprocess.run([*words, str(tree)], check=True, timeout=300)
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.split("-")[1] == version
    with zipfile.ZipFile(wheel) as file:
        assert "tape/py.typed" in file.namelist()
