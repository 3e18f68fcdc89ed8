"""Compiled code on disk: never that of older sources."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from tape.codec.compiling import KERNEL_SOURCES, PACKAGE

INNER = """
from tape.codec.compiling import compiled

@compiled
def inner():
    return {answer}
"""
OUTER = """
from tape.codec.compiling import compiled
from tape.detection.inner import inner

@compiled
def outer():
    return inner()
"""


def answer(folder: Path) -> str:
    code = "from tape.detection.outer import outer; print(outer())"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_an_edit_of_a_called_module_is_noticed_by_its_callers(tmp_path: Path) -> None:
    kernels = tmp_path / "tape/detection"
    kernels.mkdir(parents=True)
    codec = tmp_path / "tape/codec"
    codec.mkdir()
    for folder in (tmp_path / "tape", kernels, codec):
        (folder / "__init__.py").touch()
    shutil.copy(PACKAGE / "codec/compiling.py", codec)
    (kernels / "outer.py").write_text(OUTER)
    (kernels / "inner.py").write_text(INNER.format(answer=1))
    assert answer(tmp_path) == "1"
    assert list((tmp_path / "tape/__pycache__").rglob("*.nbi")), "nothing was kept on disk"
    (kernels / "inner.py").write_text(INNER.format(answer=2))
    assert answer(tmp_path) == "2"


def test_every_module_with_compiled_code_counts_as_a_kernel_source() -> None:
    covered = {file for pattern in KERNEL_SOURCES for file in PACKAGE.glob(pattern)}
    compiles = re.compile(r"^(from tape\.codec\.compiling|import numba|from numba)", re.MULTILINE)
    for file in PACKAGE.rglob("*.py"):
        assert file in covered or not compiles.search(file.read_text()), file
