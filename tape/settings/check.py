"""All that is wrong with the settings, at once: for `tape settings --check`."""

from collections.abc import Iterable

from pydantic_settings import BaseSettings

from tape.detection.registry import lineup
from tape.errors import SettingsError
from tape.settings.all_settings import kind_of
from tape.settings.detector import DetectorSettings
from tape.settings.load import faults_of, load


def faults(apps: Iterable[str]) -> list[SettingsError]:
    """Return what cannot work of the settings of these apps, each fault once."""
    found: dict[str, SettingsError] = {}
    for app in apps:
        kind = kind_of(app)
        for error in faults_of(kind) or _files(kind):
            found.setdefault(str(error), error)
    return list(found.values())


def _files(kind: type[BaseSettings]) -> list[SettingsError]:
    """Return what is wrong with what the detector's settings name: files, a model, a module."""
    if kind is not DetectorSettings:
        return []
    try:
        settings = load(DetectorSettings)
        lineup(settings.profile).fingerprint(settings.parameters())
    except SettingsError as error:
        return [error]
    return []
