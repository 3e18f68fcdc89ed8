"""One setting of an app: its name, its default, what it means, and in what unit."""

import socket
from typing import Any, Final

from pydantic import Field
from pydantic.fields import FieldInfo

MOST: Final = 2**63 - 1
"""Largest whole number of a setting that has no limit of its own: what 64 bits hold."""


def setting(default: Any, name: str, meaning: str, unit: str = "", **limits: Any) -> Any:
    """Return the field of a settings class for a setting.

    Args:
        default: where nothing is set.
        name: as the environment and `.env` have it.
        meaning: one line in plain English, which pages, examples and `tape settings` show.
        unit: of a number, in words; empty where the meaning says it.
        limits: what Pydantic checks.
    """
    if isinstance(default, int | float) and not isinstance(default, bool) and "le" not in limits:
        limits |= {"le": MOST} if isinstance(default, int) else {"allow_inf_nan": False}
    return Field(
        default, alias=name, description=meaning, json_schema_extra={"unit": unit}, **limits
    )


def instance_setting(**limits: Any) -> Any:
    """Return the field for the name of an instance, which is the host's unless it is set."""
    meaning = "stable name of this instance, by default the host's; each of a group has its own"
    return Field(
        default_factory=socket.gethostname,
        alias="INSTANCE",
        description=meaning,
        json_schema_extra={"unit": ""},
        **limits,
    )


def alerts_per_10k_setting(**limits: Any) -> Any:
    """Return the field for the budget of alerts; `limits` are what Pydantic checks."""
    meaning = "calibrated, supervised: budget of alerts per 10,000 trades of a symbol"
    return setting(1.5, "ALERTS_PER_10K", meaning, "alerts", **limits)


def bars_topic_setting() -> Any:
    """Return the field for the topic of bars."""
    meaning = "topic of bars: of each symbol and second with trades the last record counts"
    pattern = r"^[a-zA-Z0-9._-]{1,249}$"  # what Kafka takes
    return setting("bars", "BARS_TOPIC", meaning, pattern=pattern)


def reviews_topic_setting() -> Any:
    """Return the field for the topic of reviews."""
    meaning = "topic of what people decided about episodes"
    pattern = r"^[a-zA-Z0-9._-]{1,249}$"  # what Kafka takes
    return setting("reviews", "REVIEWS_TOPIC", meaning, pattern=pattern)


def unit_of(field: FieldInfo) -> str:
    """Return the unit of a setting, in words; empty for none."""
    extra = field.json_schema_extra
    return str(extra.get("unit", "")) if isinstance(extra, dict) else ""
