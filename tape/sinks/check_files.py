"""A look at the folder of the Parquet files."""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from tape.errors import StoreError
from tape.sinks.checked import Checked
from tape.sinks.parquet_store import ParquetStore

FREE_MIN_BYTES: Final = 64 * 2**20


def check_files(folder: Path) -> Iterator[Checked]:
    """Yield whether files can be written there, and whether there is room.

    Folders that are not there yet are not there afterwards either.
    """
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    try:
        ParquetStore(folder).open()
        free_bytes = shutil.disk_usage(folder).free
    except StoreError as error:
        yield Checked("folder", False, error.cause, error.remedy)
        return
    finally:
        for one in missing:
            with suppress(OSError):  # the sink has begun to write meanwhile, or it was not made
                one.rmdir()
    yield Checked("folder", True, f"{folder} can be written")
    text = f"{free_bytes / 2**30:,.1f} GB free"
    is_well = free_bytes >= FREE_MIN_BYTES
    yield Checked("room", is_well, text, "" if is_well else "free space, or set SINK_DIR")
