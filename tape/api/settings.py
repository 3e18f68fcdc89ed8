"""The settings of a call: those of the detector, by their names in Python.

Nothing is read from the environment or `.env`: what is not given has its default.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypedDict

from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from tape.api.arguments import names_of, number_of, table_of
from tape.detection.parameters import Parameters
from tape.errors import SettingsError
from tape.settings.broker import BrokerSettings
from tape.settings.detector import OF_THE_APP, DetectorSettings
from tape.settings.misspelt import nearest
from tape.settings.plain_fault import plain_fault
from tape.settings.thresholds_file import checked_thresholds

Path = str | os.PathLike[str]
Thresholds = Mapping[str, Mapping[str, float]]
"""By symbol, as a THRESHOLDS_FILE has them."""


OF_READ: Final = ("symbols", "start", "end")
"""What says which trades are read, not how they are judged."""


class Settings(TypedDict, total=False):
    """The settings that `detect`, `score`, `bars` and `Detector` take; each has a default.

    They are explained, with their defaults, in the tables of docs/settings.md.
    `thresholds` are by symbol, or the path of a file that `tape tune` wrote.
    """

    profile: str
    alerts_per_10k: float
    alerts_per_day: float
    budget_price: float
    budget_size: float
    budget_feed: float
    episode_gap_s: float
    volume_threshold: int
    change_threshold: float
    rules: str | Sequence[str]
    thresholds: Thresholds | Path
    model: Path
    ranking_file: Path
    window: int
    stride: int
    history: int
    refit_every: int
    trees: int
    contamination: float
    random_state: int
    training: Literal["thinned", "window"]
    max_symbols: int


class _Given(DetectorSettings):
    """The same settings, from arguments alone."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read neither the environment nor `.env`."""
        return (init_settings,)


@dataclass(frozen=True, slots=True)
class Setup:
    """What a judge is made of."""

    parameters: Parameters
    max_symbols: int


def names() -> list[str]:
    """Return the names of all settings that a call takes."""
    of_apps = {*OF_THE_APP, *BrokerSettings.model_fields, "thresholds_file"}
    own = [name for name in DetectorSettings.model_fields if name not in of_apps]
    return [*own, "thresholds", "max_symbols"]


def setup_of(given: Mapping[str, Any]) -> Setup:
    """Return what settings say; raises `SettingsError` for a wrong name or value.

    >>> setup_of({"profile": "calibrated", "alerts_per_day": 20}).parameters.alerts_per_day
    20.0
    >>> setup_of({"alert_per_day": 20})
    Traceback (most recent call last):
    tape.errors.SettingsError: 'alert_per_day' is no setting; the nearest one is alerts_per_day
    """
    known = names()
    for name in given:
        if name not in known:
            raise _no_setting(name, known)
    values = {name: number_of(one, name) for name, one in given.items() if one is not None}
    if "rules" in values and not isinstance(values["rules"], str):
        values["rules"] = ",".join(names_of(values["rules"], "rules")) or ","
    thresholds = values.pop("thresholds", None)
    if isinstance(thresholds, str | os.PathLike):
        values["thresholds_file"], thresholds = thresholds, None
    aliases = {name: field.alias or name for name, field in DetectorSettings.model_fields.items()}
    try:
        settings = _Given(**{aliases[name]: value for name, value in values.items()})
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=False)[0]
        at = str(fault["loc"][0]) if fault["loc"] else ""
        name = next((own for own, alias in aliases.items() if alias == at), at)
        raise SettingsError(
            f"{plain_fault(fault['msg'], name)} (found {str(fault['input'])[:80]!r})", "correct it"
        ) from None
    parameters = settings.parameters()
    if thresholds is not None:
        tables = table_of(thresholds, "thresholds", '{"NVDA": {"alerts_per_day": 10}}, or a path')
        names_of(tables, "thresholds")
        parameters = replace(parameters, overrides=checked_thresholds(tables, "thresholds"))
    return Setup(parameters, settings.max_symbols)


def _no_setting(name: str, known: list[str]) -> SettingsError:
    if name in DetectorSettings.model_fields:
        remedy = "write thresholds=" if name == "thresholds_file" else "drop it"
        return SettingsError(f"{name!r} is a setting of the running apps only", remedy)
    if name in OF_READ:
        return SettingsError(f"{name!r} is no setting", f"give it to tape.read(…, {name}=…)")
    near = nearest(name, known)
    remedy = f"the nearest one is {near}" if near else f"choose from {', '.join(known)}"
    return SettingsError(f"{name!r} is no setting", remedy)
