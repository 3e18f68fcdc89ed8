"""A child process that is started again when something kills it."""

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

from tape.errors import TapeError
from tape.process.child import end_with_parent
from tape.process.clock import CLOCK
from tape.process.own_folder import private
from tape.settings.load import for_children

log = logging.getLogger(__name__)

RESTARTS_MAX = 20
"""A demo that kills its apps starts each some times; more ends are a fault that stays."""
STOP_S = 30.0
"""How long an app that was asked to end may take before it is killed."""
LASTING_CODES = frozenset({0, 2, 3, 4})
"""Exit codes that mean what they say; starting again would only say it again."""


class Supervised:
    """An app as a process of its own, its log in a file.

    It is started again after a signal or an unforeseen error, as a container would be.

    With `ends_with_us` it is killed when the thread that started it ends, however that ends
    (Linux): left alone it would work on beside the next run, by the same name.
    """

    def __init__(
        self,
        main: Path,
        env: dict[str, str],
        log_file: Path,
        *,
        restarts_max: int = RESTARTS_MAX,
        ends_with_us: bool = False,
    ) -> None:
        self.name = main.parent.name
        self.restarts = 0
        self.last_code: int | None = None
        self.rss_bytes = self.rss_max_bytes = 0
        self._main, self._log_file = main, log_file
        self._restarts_max = restarts_max
        self._ends_with_us = ends_with_us
        self._env = {**os.environ, **for_children(), **env}
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        with open(self._log_file, "ab", opener=private) as file:
            return subprocess.Popen(  # noqa: S603 - our own app with our own interpreter
                [sys.executable, str(self._main)],
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
                preexec_fn=end_with_parent if self._ends_with_us else None,
            )

    @property
    def pid(self) -> int:
        """Return the process id of the app as it runs now."""
        return self._process.pid

    def alive(self) -> bool:
        """Return whether the app runs now."""
        return self._process.poll() is None

    def signal(self, number: int) -> None:
        """Send a signal to the app and all its children."""
        os.killpg(self._process.pid, number)

    def start_again(self) -> None:
        """Start the app that was stopped."""
        self._process = self._start()

    def exit_code(self) -> int | None:
        """Return the exit code once the app has ended for good, None while it runs."""
        self._note_memory()
        code = self._process.poll()
        if code is None or code in LASTING_CODES:
            return code
        if self.restarts >= self._restarts_max:
            raise TapeError(
                f"{self.name} ended {self._restarts_max} times", f"read {self._log_file}"
            )
        self.restarts += 1
        self.last_code = code
        log.warning("started again", extra={"app": self.name, "ended_with": code})
        self._kill_orphans()
        CLOCK.sleep(0.2)
        self._process = self._start()
        return None

    def stop(self) -> int:
        """Ask the app to end, wait for it, and return its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            code = self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            code = -signal.SIGKILL
        self._kill_orphans()
        self._process.wait()
        return code

    def _kill_orphans(self) -> None:
        """End what the app's own process left behind: its session is ours alone."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def _note_memory(self) -> None:
        status = Path(f"/proc/{self._process.pid}/status")
        if not status.exists():
            return
        sizes = dict(line.split(":", 1) for line in status.read_text().splitlines())
        if "VmRSS" in sizes:  # else it has ended, and nobody has taken note yet
            self.rss_bytes = int(sizes["VmRSS"].split()[0]) * 1024
            self.rss_max_bytes = max(self.rss_max_bytes, int(sizes["VmHWM"].split()[0]) * 1024)
