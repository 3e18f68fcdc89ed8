"""The command `tape` in this process: the same entry point, without a second start."""

import contextlib
import io
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from tape.cli import main


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended, and what it wrote."""

    returncode: int
    stdout: str
    stderr: str


def tape(*words: str | Path, **env: str) -> Ended:
    """Run the command line with these words, the environment changed by `env`."""
    out, err = io.StringIO(), io.StringIO()
    argv, kept = sys.argv, dict(os.environ)
    sys.argv = ["tape", *map(str, words)]
    os.environ.update(env)
    code: object = None
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as end:
        code = end.code
    finally:
        sys.argv = argv
        for name in env:
            del os.environ[name]
        os.environ.update(kept)
    assert isinstance(code, int)
    assert "Traceback" not in out.getvalue() + err.getvalue()
    return Ended(code, out.getvalue(), err.getvalue())
