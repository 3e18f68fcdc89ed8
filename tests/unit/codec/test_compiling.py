"""Compiled code on disk: never that of older sources."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from tape.codec.compiling import CACHE, KERNEL_SOURCES, PACKAGE, bases, cache_dir

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
    ours = r"from tape\.codec\.compiling import (?!CACHE|WARM)"  # decorators
    compiles = re.compile(rf"^({ours}|import numba|from numba)", re.MULTILINE)
    for file in PACKAGE.rglob("*.py"):
        assert file in covered or not compiles.search(file.read_text()), file


def test_compiled_code_is_kept_in_the_first_place_that_can_be_written(tmp_path: Path) -> None:
    file, user = tmp_path / "read-only", tmp_path / "user"
    file.touch()  # a folder in it cannot be made, by root either
    kept = cache_dir(file / "beside", user, tmp_path / "later")
    assert kept.parent == user
    assert kept.is_dir()
    assert not (tmp_path / "later").exists()
    assert kept.name == CACHE.name, "named by the sources"


def test_where_nothing_can_be_written_compiled_code_is_kept_for_this_process(
    tmp_path: Path,
) -> None:
    file = tmp_path / "read-only"
    file.touch()
    code = f"from tape.codec.compiling import cache_dir; print(cache_dir({str(file)!r}))"
    words = [sys.executable, "-c", code]
    own = Path(subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip())
    assert own.name == CACHE.name
    assert not own.parent.exists(), "gone with the process"


def test_the_setting_goes_first_then_the_package_then_the_user_s_caches() -> None:
    assert [str(base) for base in bases("/given")][:2] == ["/given", str(PACKAGE / "__pycache__")]
    assert bases("") == bases("/given")[1:]
    assert "tapewatch" in str(bases("")[-1])
