"""Compiles before an app is started, so that nobody takes an app that compiles for a hung one."""

import subprocess
import sys

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from tape.codec.compiling import CACHE, WARM
from tape.errors import TapeError
from tape.process.child import end_with_parent
from tape.process.clock import CLOCK

SHOWN_EVERY_S = 0.2
"""How often the time is drawn again."""


def compile_first(console: Console) -> None:
    """Compile all that judges trades unless that was done here before, and say so meanwhile.

    In a process of its own, which takes what compiling needs of memory with it.
    Raises `TapeError` if that fails.
    """
    if WARM.exists():
        return
    console.print(
        "compiling the detector for this machine, once: half a minute on two free cores; "
        f"kept in {CACHE.parent}",
        soft_wrap=True,
        markup=False,
        highlight=False,
    )
    columns = SpinnerColumn(), TextColumn("compiling"), TimeElapsedColumn()
    with (
        subprocess.Popen(
            [sys.executable, "-m", "tape.ops.warm_up"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            preexec_fn=end_with_parent,
        ) as child,
        Progress(*columns, console=console, transient=True) as shown,
    ):
        shown.add_task("", total=None)
        while child.poll() is None:
            CLOCK.sleep(SHOWN_EVERY_S)
        assert child.stderr is not None  # noqa: S101 - asked for above
        said = child.stderr.read().decode(errors="replace").strip()
    if child.returncode:
        last = said.rpartition("\n")[2]
        raise TapeError(
            f"compiling the detector ended with code {child.returncode}: {last or 'no word'}",
            "`python -m tape.ops.warm_up` says it in full",
        )
