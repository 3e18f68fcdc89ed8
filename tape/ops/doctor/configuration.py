"""The settings of both apps, and where each came from."""

import stat
from collections import Counter
from typing import Final

from tape.detection.registry import BUILT_IN, lineup
from tape.errors import SettingsError
from tape.ops.doctor.finding import Finding
from tape.settings.broker import DOTENV
from tape.settings.detector import DetectorSettings
from tape.settings.load import Origin, load, origins
from tape.settings.producer import ProducerSettings

READ_BY_OTHERS: Final = stat.S_IRGRP | stat.S_IROTH


def check_settings() -> tuple[Finding, DetectorSettings | None, ProducerSettings | None]:
    """Return a finding, and the settings of both apps if they can be used."""
    try:
        detector, producer = load(DetectorSettings), load(ProducerSettings)
        parameters = detector.parameters()  # the thresholds file as well
        for kind in lineup(detector.profile).kinds:  # and a module of one's own
            if kind.name in BUILT_IN:
                kind.parameters.of(parameters)  # and a model
    except SettingsError as error:
        fix = error.remedy or "correct it and look again"
        return Finding("settings", "problem", error.cause, fix), None, None
    found = {origin.name: origin for origin in [*origins(detector), *origins(producer)]}
    given = [origin for origin in found.values() if origin.source != "default"]
    by_source = Counter(origin.source for origin in found.values())
    counts = [
        f"{by_source[source]} from {words}"
        for source, words in (
            *((("option", "options"),) if by_source["option"] else ()),
            ("environment", "the environment"),
            (".env", "the file .env"),
            ("default", "their defaults"),
        )
    ]
    finding = Finding("settings", "ok", ", ".join(counts), details=tuple(map(_line, given)))
    return finding, detector, producer


def check_secrets() -> Finding:
    """Return whether `.env`, where passwords and keys belong, is for its owner only."""
    if not DOTENV.is_file():
        return Finding("secrets", "ok", "no .env here that others could read")
    mode = stat.S_IMODE(DOTENV.stat().st_mode)
    if mode & READ_BY_OTHERS:
        text = f".env, where passwords and keys belong, can be read by others (mode {mode:04o})"
        return Finding("secrets", "warning", text, f"chmod 600 {DOTENV}")
    return Finding("secrets", "ok", ".env can be read by its owner only")


def _line(origin: Origin) -> str:
    hidden = " (overrides a different value in .env)" if origin.overrides_dotenv else ""
    return f"{origin.name}={origin.value} from {origin.source}{hidden}"
