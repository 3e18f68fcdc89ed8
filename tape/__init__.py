"""Tapewatch: tells which trades on a market's tape are not normal, and why.

`read`, `detect`, `score`, `bars` and `Detector` are the Python library, see docs/library.md. What
they need is loaded when one of them is asked for: `import tape` alone takes milliseconds.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tape.api.books import Books, RejectedRow
    from tape.api.detecting import Detector, detect
    from tape.api.found import Found
    from tape.api.notices import TapeWarning
    from tape.api.reading import Trades, read
    from tape.api.rows import Rows
    from tape.api.scoring import Bars, Scores, bars, score
    from tape.errors import TapeError

__version__ = "0.1.0"
"""Stands in every message; a release gives it the number of its tag, and a test compares them."""

_HOMES: Final = {
    "Bars": "tape.api.scoring",
    "Books": "tape.api.books",
    "Detector": "tape.api.detecting",
    "Found": "tape.api.found",
    "RejectedRow": "tape.api.books",
    "Rows": "tape.api.rows",
    "Scores": "tape.api.scoring",
    "TapeError": "tape.errors",
    "TapeWarning": "tape.api.notices",
    "Trades": "tape.api.reading",
    "bars": "tape.api.scoring",
    "detect": "tape.api.detecting",
    "read": "tape.api.reading",
    "score": "tape.api.scoring",
}
"""Where each name of the library is."""

__all__ = [
    "Bars",
    "Books",
    "Detector",
    "Found",
    "RejectedRow",
    "Rows",
    "Scores",
    "TapeError",
    "TapeWarning",
    "Trades",
    "__version__",
    "bars",
    "detect",
    "read",
    "score",
]


def __getattr__(name: str) -> Any:
    """Return what the library has under a name, loaded now."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(_HOMES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """Return the library's names beside the modules that are loaded."""
    return sorted({*globals(), *__all__})
