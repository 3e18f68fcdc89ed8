"""Where the apps' main programs are: in a wheel inside the package, in a checkout beside it."""

from pathlib import Path

import tape
from tape.errors import TapeError


def app_main(name: str, package: Path | None = None) -> Path:
    """Return the program of the app `producer` or `anomaly_detector`.

    Raises `TapeError` where there is none; `package` is the folder of `tape`.
    """
    package = package or Path(tape.__file__).resolve().parent
    for folder in (package / "_apps", package.parent):
        main = folder / name / "main.py"
        if main.is_file():
            return main
    raise TapeError(
        f"the program of {name} is not here ({package} has no _apps, and {package.parent} is no "
        "checkout)",
        "install tapewatch again, or run this in a checkout",
    )
