"""All settings of all apps, with what each means: for `tape settings`, pages and examples."""

from dataclasses import dataclass
from importlib import import_module
from typing import Final

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from tape.settings.setting import unit_of

APPS: Final = {
    "producer": "tape.settings.producer:ProducerSettings",
    "anomaly_detector": "tape.settings.detector:DetectorSettings",
    "anomaly_sink": "tape.settings.sink:SinkSettings",
    "alerter": "tape.settings.alerter:AlerterSettings",
    "dashboard": "tape.settings.page:PageSettings",
    "tape fetch": "tape.settings.databento:FetchSettings",
}
"""What has settings: the apps, and a command with a service of its own; with the class of each."""
COMMON: Final = "all apps"
SEVERAL: Final = "several apps"
"""What groups of settings are called that are not of one app."""


WHOLE: Final = (2000, 2100)
"""Years of the times that stand for the first and the last day there is."""


@dataclass(frozen=True, slots=True)
class Row:
    """One setting.

    Attributes:
        name: as the environment and `.env` have it.
        default: as text; empty for none.
        unit: of its number, in words; empty for none.
        meaning: one line.
        apps: which have it.
        secret: whether its value is never shown.
    """

    name: str
    default: str
    unit: str
    meaning: str
    apps: tuple[str, ...]
    secret: bool

    @property
    def group(self) -> str:
        """Return under which heading it stands: an app, or several, or all with a broker."""
        if len(self.apps) == 1:
            return self.apps[0]
        return COMMON if len(self.apps) == len(APPS) - 1 else SEVERAL


def kind_of(app: str) -> type[BaseSettings]:
    """Return the class of an app's settings."""
    module, _, name = APPS[app].partition(":")
    found: type[BaseSettings] = getattr(import_module(module), name)
    return found


def names(kind: type[BaseSettings]) -> dict[str, FieldInfo]:
    """Return the settings of an app by the name that the environment has for them."""
    return {field.alias or name: field for name, field in kind.model_fields.items()}


def all_settings() -> list[Row]:
    """Return all settings: those of all apps, those of several, then each app's own."""
    fields: dict[str, FieldInfo] = {}
    apps: dict[str, list[str]] = {}
    for app in APPS:
        for name, field in names(kind_of(app)).items():
            fields.setdefault(name, field)
            apps.setdefault(name, []).append(app)
    rows = [
        Row(
            name,
            default_text(field),
            unit_of(field),
            field.description or "",
            tuple(apps[name]),
            is_secret(field),
        )
        for name, field in fields.items()
    ]
    order = [COMMON, SEVERAL, *APPS]
    return sorted(rows, key=lambda row: order.index(row.group))


def is_secret(field: FieldInfo) -> bool:
    """Return whether the value of a setting is never shown."""
    return field.annotation is SecretStr


def default_text(field: FieldInfo) -> str:
    """Return the default of a setting as one writes it; empty for none, or one of the machine."""
    value = field.get_default(call_default_factory=False)
    if field.default_factory is not None:
        return ""
    return value.get_secret_value() if isinstance(value, SecretStr) else as_written(value)


def as_written(value: object) -> str:
    """Return a setting's value as text, as one writes it.

    >>> as_written(("anomalies", "episodes")), as_written(True), as_written(15.0), as_written(None)
    ('anomalies,episodes', '1', '15', '')
    """
    if value is None or (hasattr(value, "year") and value.year in WHOLE):
        return ""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    if isinstance(value, frozenset | tuple):
        return ",".join(
            sorted(map(str, value)) if isinstance(value, frozenset) else map(str, value)
        )
    return str(value)
