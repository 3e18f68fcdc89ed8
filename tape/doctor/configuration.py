"""The settings of both apps, and where each came from."""

from tape.doctor.finding import Finding
from tape.errors import SettingsError
from tape.settings import DetectorSettings, Origin, ProducerSettings, load, origins


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
    finding = Finding("settings", "ok", ", ".join(counts), details=tuple(map(_line, given)))
    return finding, detector, producer


def _line(origin: Origin) -> str:
    hidden = " (.env says otherwise and is not heard)" if origin.overrides_dotenv else ""
    return f"{origin.name}={origin.value} from {origin.source}{hidden}"
