"""Reading a RANKING_FILE: what `tape learn` made of reviewed alerts."""

from pathlib import Path

from tape.detection.ranking import Ranking
from tape.detection.ranking_file import WrongRankingError, decode_ranking
from tape.errors import SettingsError
from tape.process.regular_file import read_file


def read_ranking(path: Path) -> Ranking:
    """Return the ranking in a file; raises `SettingsError` that names it and says what it is."""
    try:
        return decode_ranking(read_file(path))
    except OSError as error:
        raise SettingsError(
            f"RANKING_FILE: cannot read {path} ({error.strerror})", "correct the path or unset it"
        ) from None
    except WrongRankingError as error:
        raise SettingsError(
            f"RANKING_FILE: {path} is {error}", "write one with `tape learn`, or unset it"
        ) from None
