"""Which files of a folder are left to send, by what earlier runs have sent of them."""

import logging
from collections.abc import Iterable, Mapping

from tape.archives import Archive
from tape.feeds.progress import Progress
from tape.streaming.outcome import Outcome
from tape.streaming.positions import Position

log = logging.getLogger(__name__)


def files_left(
    archives: Iterable[Archive],
    sent: Mapping[str, Position],
    wanted: frozenset[str],
    outcome: Outcome,
    progress: Progress,
) -> dict[str, Archive]:
    """Return the archives of which something is left to send, by content.

    Args:
        archives: files of a folder.
        sent: what was sent of each file before, by content.
        wanted: symbols that are to be sent, empty for all.
        outcome: is told of files that are not sent, and why.
        progress: is told of files that are done.
    """
    left = {}
    for archive in archives:
        position = sent.get(archive.sha256)
        if position is not None and not covers(position, wanted):
            names = ",".join(position.symbols)
            outcome.not_sent(
                archive.path.name,
                f"it was sent with SYMBOLS={names}: `tape producer forget` sends it again",
            )
            progress.skip(archive)
        elif position is not None and position.is_done:
            progress.already_sent(archive)
        else:
            if position is not None and position.rows:
                facts = {"file": archive.path.name, "row": position.rows}
                log.info("resuming file", extra=facts)
            left[archive.sha256] = archive
    return left


def covers(position: Position, wanted: frozenset[str]) -> bool:
    """Return whether what was sent of a file holds all that is wanted now."""
    sent = frozenset(position.symbols)
    return not sent or not position.rows or (bool(wanted) and wanted <= sent)
