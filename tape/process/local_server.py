"""A server of others' as a child process: started, waited for, held still, stopped, killed."""

import os
import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Final, Self

from tape.errors import TapeError
from tape.process.child import end_with_parent
from tape.process.clock import CLOCK
from tape.process.own_folder import private

START_S: Final = 60.0
STOP_S: Final = 20.0
"""Longest waits for a start (Kafka: 6 to 10 s on 2 cores, unless others work) and for an orderly
end."""

ASK_EVERY_S: Final = 0.05
"""Between two questions whether it answers: small beside the shortest start, 0.5 s (PostgreSQL)."""

AS_ANOTHER: Final = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
"""Some servers refuse to run as root. In a namespace of users one sees another user, and the files
stay ours."""

ERROR_WORDS: Final = ("ERROR", "FATAL", "Exception")
"""Words of the line of a log that tells why a server ended."""


class LocalServer(ABC):
    """A server as a child process, on the loopback; a second start finds its data again.

    A server says in `command` how it is started and in `why_not_ready` whether it answers.

    Args:
        data_dir: its files.
        port: that it listens on.
        log_file: to which all is added that it writes.
        env: further variables of its environment.
        die_with_parent: end it when the thread that started it ends, however that ends (Linux).
    """

    name: ClassVar[str]
    """As it is called in sentences for people."""
    error: ClassVar[type[TapeError]] = TapeError
    """What is raised if it does not start."""
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    """Asks it to end in an orderly way."""
    start_s: ClassVar[float] = START_S
    """Longest wait for a start."""

    def __init__(
        self,
        data_dir: Path,
        port: int,
        log_file: Path,
        *,
        env: Mapping[str, str] | None = None,
        die_with_parent: bool = True,
    ) -> None:
        self.data_dir = data_dir
        self.port = port
        self.log_file = log_file
        self._env = dict(env or {})
        self._die_with_parent = die_with_parent
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> Sequence[str]:
        """Return the words that start it, its files and folders made where they are missing."""

    @abstractmethod
    def why_not_ready(self) -> str | None:
        """Return None once it answers, before that what it says in place of an answer, if anything.

        Asked again and again, so it must return within a second or two; what it raises ends the
        start.
        """

    @property
    def pid(self) -> int:
        """Return its process id; it must have been started."""
        assert self._process is not None  # noqa: S101
        return self._process.pid

    def has_ended(self) -> bool:
        """Return whether it does not run, or no longer."""
        return self._process is None or self._process.poll() is not None

    def start(self) -> Self:
        """Return when it answers; raises its `error` with the last words of its log."""
        log_from = self.log_file.stat().st_size if self.log_file.exists() else 0
        self.launch()
        try:
            self._wait(log_from)
        except BaseException:  # Ctrl-C too must not leave a server behind
            self.stop()
            raise
        return self

    def launch(self, pass_fds: Sequence[int] = ()) -> None:
        """Start the process and wait for nothing; what has to hold meanwhile is put around this."""
        words = self.command()
        with open(self.log_file, "ab", opener=private) as log:
            self._process = subprocess.Popen(  # noqa: S603 - a server of ours
                words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self._env},
                pass_fds=pass_fds,
                start_new_session=True,  # Ctrl-C ends the apps first, the server by `stop()`
                preexec_fn=end_with_parent if self._die_with_parent else None,
            )

    def stop(self) -> None:
        """End it in an orderly way whoever is connected, by force if it takes too long."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self.resume()
            self._process.send_signal(self.stop_signal)
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._signal_all(signal.SIGKILL)
        self._process.wait()
        self._process = None

    def kill(self) -> None:
        """End it and all its processes as a power cut would: SIGKILL."""
        self._signal_all(signal.SIGKILL)
        assert self._process is not None  # noqa: S101
        self._process.wait()
        self._process = None

    def pause(self) -> None:
        """Hold all its processes still (SIGSTOP)."""
        self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused server run again."""
        self._signal_all(signal.SIGCONT)

    def log_tail(self, lines: int = 15, *, start: int = 0) -> str:
        """Return the end of its log, nothing before the byte `start`."""
        if not self.log_file.exists():
            return ""
        text = self.log_file.read_bytes()[start:].decode(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def ended_early(self, last_words: str) -> TapeError:
        """Return what to raise when it has ended before it answered."""
        return self._failed("ended while starting", last_words)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _wait(self, log_from: int) -> None:
        until_s = CLOCK.now_s() + self.start_s
        while True:
            if self.has_ended():
                raise self.ended_early(self._last_words(log_from))
            said = self.why_not_ready()
            if said is None:
                return
            if CLOCK.now_s() > until_s:
                how = f"did not answer within {self.start_s:.0f} s" + (f" ({said})" if said else "")
                raise self._failed(how, self._last_words(log_from))
            CLOCK.sleep(ASK_EVERY_S)

    def _failed(self, how: str, last_words: str) -> TapeError:
        cause = f"the local {self.name} {how}: {last_words}"
        return self.error(cause, f"read its log, {self.log_file}")

    def _last_words(self, log_from: int) -> str:
        """Return the last line of its log that tells of an error, or the last one at all."""
        lines = self.log_tail(lines=200, start=log_from).splitlines()
        errors = [line for line in lines if any(word in line for word in ERROR_WORDS)]
        return (errors or lines or ["it logged nothing"])[-1].strip()[:300]

    def _signal_all(self, number: int) -> None:
        """Send a signal to the process and all that it has started (Linux)."""
        for pid in (self.pid, *_descendants(self.pid)):
            try:
                os.kill(pid, number)
            except ProcessLookupError:  # it has just ended
                continue


def as_another_if_root() -> tuple[str, ...]:
    """Return the words to put before a command of a server that refuses to run as root."""
    return AS_ANOTHER if os.geteuid() == 0 else ()


def _descendants(pid: int) -> list[int]:
    """Return the processes below one that are still there (Linux)."""
    children: list[int] = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children += map(int, thread.read_text().split())
        except OSError:  # it has just ended
            continue
    return [one for child in children for one in (child, *_descendants(child))]
