"""The copies of the state on this machine's disk, which the changelog can make again.

They lie in `STATE/INSTANCE/GROUP/default/INPUT/PARTITION`: a folder or a volume may be shared by
any number of detectors.
"""

import fcntl
import logging
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

from tape.process.clock import WALL_CLOCK, Clock
from tape.settings.detector import DetectorSettings

log = logging.getLogger(__name__)

OLD_S: Final = 12 * 3_600
"""Half of the time (`delete.retention.ms`, a day) for which a changelog keeps its tombstones: an
older copy could miss a reset. RocksDB writes to its log every ten minutes, also when idle."""


def own_folder(settings: DetectorSettings) -> Path:
    """Return where a detector has its copies."""
    return settings.state_dir / settings.instance


def forget_old_copies(settings: DetectorSettings, clock: Clock = WALL_CLOCK) -> list[Path]:
    """Remove copies that nobody has used for `OLD_S`, and return where they were.

    Those of containers that are gone, too. What is in use is locked, and stays.
    """
    inside = f"{settings.consumer_group}/default/{settings.input}/[0-9]*"
    removed = []
    for copy in sorted([*settings.state_dir.glob(inside), *settings.state_dir.glob(f"*/{inside}")]):
        with suppress(OSError):  # went meanwhile, or is not ours to remove: it does no harm
            if clock.now_s() - _last_used_s(copy) > OLD_S and not _in_use(copy):
                shutil.rmtree(copy)
                removed.append(copy)
    if removed:
        log.info("old copies of the state removed", extra={"count": len(removed)})
    return removed


def _last_used_s(copy: Path) -> float:
    return max(file.stat().st_mtime for file in copy.iterdir())


def _in_use(copy: Path) -> bool:
    """Return whether another process has RocksDB's lock."""
    with (copy / "LOCK").open("r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False
