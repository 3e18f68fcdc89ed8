"""Records the README's first minute on a real terminal, and makes the picture of it.

It types them into a shell and writes down what comes, when it comes, in asciinema's form
(https://docs.asciinema.org/manual/asciicast/v2/). Run: python -m docs.recording
"""

import codecs
import json
import os
import pty
import re
import select
import struct
import sys
import time
from fcntl import ioctl
from pathlib import Path
from termios import TIOCSWINSZ
from typing import Final

from docs.animation import svg

ROOT: Final = Path(__file__).parents[1]
README: Final = ROOT / "README.md"
CAST: Final = ROOT / "docs/pictures/first-minute.cast"
PICTURE: Final = CAST.with_suffix(".svg")
BLOCK: Final = re.compile(r"^```sh recorded\n(.*?)^```", re.MULTILINE | re.DOTALL)

COLUMNS: Final = 100
ROWS: Final = 30
KEY_S: Final = 0.04
"""Between two keys: a quick typist."""
READ_S: Final = 1.5
"""Before the next command is typed: time to read what is there."""
IDLE_S: Final = 1.0
"""Players cut longer pauses to this; the times in the recording are the real ones."""
PROMPT: Final = "$ "
LONGEST_S: Final = 900
"""Longest that a command may take; a busy machine is slow."""


def commands() -> list[str]:
    """Return the README's commands that are recorded."""
    (block,) = BLOCK.findall(README.read_text("utf-8"))
    return [line.partition("  #")[0] for line in block.splitlines()]


def record() -> str:
    """Return a recording of the commands in a shell of their own."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(ROOT)
        kept = {name: os.environ[name] for name in ("HOME", "PATH", "LANG") if name in os.environ}
        environment = kept | {
            "TERM": "xterm-256color",
            "PS1": PROMPT,
            "BASH_SILENCE_DEPRECATION_WARNING": "1",
        }
        os.execvpe("bash", ["bash", "--norc", "--noprofile"], environment)  # noqa: S606
    ioctl(terminal, TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    began_s, events = time.monotonic(), list[str]()
    decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def until_prompt(limit_s: float) -> None:
        """Write down what comes until the shell asks for the next command."""
        said, end_s = "", time.monotonic() + limit_s
        while not said.endswith(PROMPT):
            if time.monotonic() > end_s:
                sys.exit(f"no prompt after {limit_s} s: {said[-500:]!r}")
            if select.select([terminal], [], [], 1)[0]:
                said += took()

    def took() -> str:
        text = decoder.decode(os.read(terminal, 65_536))
        events.append(json.dumps([round(time.monotonic() - began_s, 3), "o", text]))
        return text

    until_prompt(10)
    for command in commands():
        time.sleep(READ_S)
        for key in command:
            os.write(terminal, key.encode())
            time.sleep(KEY_S)
            while select.select([terminal], [], [], 0)[0]:
                took()
        os.write(terminal, b"\n")
        until_prompt(LONGEST_S)
    os.close(terminal)
    os.waitpid(child, 0)
    header = {
        "version": 2,
        "width": COLUMNS,
        "height": ROWS,
        "idle_time_limit": IDLE_S,
        "title": "Tapewatch: the first minute",
        "env": {"SHELL": "bash", "TERM": "xterm-256color"},
    }
    return "\n".join([json.dumps(header), *events]) + "\n"


def main() -> None:
    """Record, or with the word `draw` only make the picture again."""
    if sys.argv[1:] != ["draw"]:
        CAST.write_text(record(), encoding="utf-8")
    PICTURE.write_text(svg(CAST.read_text("utf-8")), encoding="utf-8")
    print(f"{CAST}\n{PICTURE}", file=sys.stderr)


if __name__ == "__main__":
    main()
