"""The command `tape` in this process: the same entry point, without a second start."""

import contextlib
import io
import logging
import os
import pty
import re
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import typer

from tape.cli import app, main
from tape.cli.lazy import LazyGroup

LOADED = """
import importlib, sys
from tape.__main__ import end_at_once, script
end_at_once()
importlib.import_module(sys.argv.pop(1))
print("loaded", file=sys.stderr, flush=True)
script()
"""
"""The command line as a program of its own; says when the module in its first word is there."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended, and what it wrote."""

    returncode: int
    stdout: str
    stderr: str


def every_command() -> list[list[str]]:
    """Return the words of each command, subcommands included."""
    group = typer.main.get_command(app)
    assert isinstance(group, LazyGroup)
    found = []
    for name in group.list_commands(typer.Context(group)):
        inner = getattr(group.load(name), "commands", {"": None})
        found += [[name, *filter(None, [one])] for one in inner]
    return found


def tape(*words: str | Path, **env: str) -> Ended:
    """Run the command line with these words, the environment changed by `env`.

    What it prints is JSON unless the words say otherwise, for most tests read it.
    """
    out, err = io.StringIO(), io.StringIO()
    code = run(out, err, *words, **{"TAPE_FORMAT": "json", **env})
    assert "Traceback" not in out.getvalue() + err.getvalue()
    return Ended(code, out.getvalue(), err.getvalue())


def run(out: TextIO, err: TextIO, *words: str | Path, **env: str) -> int:
    """Run the command line into two files and return its exit code."""
    code: object = None
    with (
        _as_called(words, env),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            code = end.code
    assert isinstance(code, int)
    return code


def on_terminal(
    *words: str | Path, columns: int = 80, at: str = "", answer: str = "", **env: str
) -> tuple[int, str]:
    """Return the exit code, and what a terminal gets; at a question the answer is typed."""
    ours, theirs = pty.openpty()
    blocks: list[bytes] = []

    def read() -> None:
        asked = not at
        for block in _blocks(ours):
            blocks.append(block)
            if not asked and at.encode() in b"".join(blocks):
                os.write(ours, answer.encode() + b"\n")
                asked = True

    reader = threading.Thread(target=read)
    reader.start()
    stdin = sys.stdin
    try:
        with (
            open(theirs, "w") as out,
            open(os.dup(theirs), "w") as err,
            open(os.dup(theirs)) as sys.stdin,
        ):
            env = {"TERM": "xterm", "COLUMNS": str(columns), "NO_COLOR": "", **env}
            code = run(out, err, *words, **env)
    finally:
        sys.stdin = stdin
        reader.join()
        os.close(ours)
    shown = b"".join(blocks).decode()
    assert "Traceback" not in shown
    return code, shown


def plain(shown: str) -> list[str]:
    """Return the lines that a terminal shows, without colours and movements."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown).replace("\r", "").splitlines()


def _blocks(terminal: int) -> Iterator[bytes]:
    with contextlib.suppress(OSError):  # the other end is closed
        while block := os.read(terminal, 65_536):
            yield block


@contextlib.contextmanager
def _as_called(words: tuple[str | Path, ...], env: dict[str, str]) -> Iterator[None]:
    argv, kept = sys.argv, dict(os.environ)
    loggers = [logging.getLogger(name) for name in ("tape", "quixstreams")]
    levels = [logger.level for logger in loggers]
    sys.argv = ["tape", *map(str, words)]
    os.environ.update(env)
    try:
        yield
    finally:
        sys.argv = argv
        os.environ.clear()
        os.environ.update(kept)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
