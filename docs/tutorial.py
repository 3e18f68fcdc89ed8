"""Runs the commands of tutorial.md and puts what they print in their place.

In a block that begins with ```console each line that begins with "$ " is run, in a terminal of
100 columns; what follows it up to the next one is replaced. Run: python docs/tutorial.py
"""

import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/tutorial.md"
OUT = ROOT / "out/tutorial"
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
LONGEST = 40
"""Lines of output that are shown; the middle of a longer one is skipped."""


def printed(command: str) -> str:
    """Return what a command prints on a terminal; ends with its exit code if that is not 0."""
    environment = {**os.environ, "COLUMNS": "100", "LINES": "40", "NO_COLOR": "1", "TERM": "dumb"}
    environment["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        ["bash", "-c", command],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.PIPE,
    )
    os.close(theirs)
    parts = []
    while True:
        try:
            part = os.read(ours, 65_536)
        except OSError:  # the terminal's other end is closed
            break
        if not part:
            break
        parts.append(part)
    os.close(ours)
    assert process.stderr is not None
    notes = process.stderr.read().decode()
    text = b"".join(parts).decode().replace("\r\n", "\n") + notes
    if process.wait():
        sys.exit(f"{command} ended with {process.returncode}:\n{text}")
    lines = [line.rstrip() for line in text.strip("\n").splitlines()]
    if len(lines) > LONGEST:
        lines = [*lines[: LONGEST // 2], "…", *lines[-LONGEST // 2 :]]
    return "".join(f"{line}\n" for line in lines)


def run(block: re.Match[str]) -> str:
    """Return a block with its commands' output."""
    commands = [line for line in block[1].splitlines() if line.startswith("$ ")]
    for line in commands:
        print(line, file=sys.stderr)
    return "```console\n" + "".join(f"{c}\n{printed(c[2:])}" for c in commands) + "```"


def main() -> None:
    """Run the whole page from nothing, and keep its picture."""
    shutil.rmtree(OUT, ignore_errors=True)
    PAGE.write_text(BLOCK.sub(run, PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    shutil.copy(OUT / "day.png", ROOT / "docs/pictures/tutorial.png")


if __name__ == "__main__":
    main()
