"""The settings of both apps, and where each came from."""

import stat
from typing import Final

from tape.doctor.finding import Finding
from tape.errors import SettingsError
from tape.settings import DOTENV, DetectorSettings, Origin, ProducerSettings, load, origins

READ_BY_OTHERS: Final = stat.S_IRGRP | stat.S_IROTH


def check_settings() -> tuple[Finding, DetectorSettings | None, ProducerSettings | None]:
    """Return a finding, and the settings of both apps if they can be used."""
    try:
        detector, producer = load(DetectorSettings), load(ProducerSettings)
        detector.parameters()  # the thresholds file as well
    except SettingsError as error:
        return Finding("settings", "problem", str(error), "correct it and look again"), None, None
    found = {origin.name: origin for origin in [*origins(detector), *origins(producer)]}
    given = [origin for origin in found.values() if origin.source != "default"]
    counts = [
        f"{sum(origin.source == source for origin in found.values())} from {words}"
        for source, words in (
            ("environment", "the environment"),
            (".env", "the file .env"),
            ("default", "their defaults"),
        )
    ]
    text, details = ", ".join(counts), tuple(map(_line, given))
    finding = Finding("settings", "ok", text, details=details)
    if DOTENV.is_file() and DOTENV.stat().st_mode & READ_BY_OTHERS:
        mode = f"{DOTENV.stat().st_mode & 0o777:04o}"
        text = f".env, where passwords and keys belong, can be read by others (mode {mode}); {text}"
        finding = Finding("settings", "warning", text, f"chmod 600 {DOTENV}", details)
    return finding, detector, producer


def _line(origin: Origin) -> str:
    hidden = " (.env says otherwise and is not heard)" if origin.overrides_dotenv else ""
    return f"{origin.name}={origin.value} from {origin.source}{hidden}"
