"""Settings of the producer."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import ValidationInfo, field_validator, model_validator
from pydantic_settings import NoDecode

from tape.settings.database import DatabaseSettings
from tape.settings.setting import instance_setting, setting
from tape.settings.symbol_lists import split_symbols

EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)
"""Times of trades lie between these."""


class ProducerSettings(DatabaseSettings):
    """Settings of the producer."""

    feed: Literal["archives", "postgres"] = setting(
        "archives",
        "FEED",
        "archives: files of DATA_DIR; postgres: days of trades in DATABASE_URL (tape history)",
    )
    data_dir: Path = setting(
        Path("nasdaq"), "DATA_DIR", "folder searched recursively for downloads"
    )
    history_from: datetime = setting(
        EARLIEST, "HISTORY_FROM", "postgres: from this day or time (UTC) on; empty: from the first"
    )
    history_to: datetime = setting(
        LATEST,
        "HISTORY_TO",
        "postgres: before this time (UTC); a day is included; empty: to the last",
    )
    replay_speed: float = setting(
        0.0,
        "REPLAY_SPEED",
        "0: as fast as possible; 1: the speed of the tape; 10: ten times that",
        "times",
        ge=0,
        allow_inf_nan=False,
    )
    symbols: Annotated[frozenset[str], NoDecode] = setting(
        frozenset(), "SYMBOLS", "only these symbols, comma-separated; empty: all"
    )
    instance: str = instance_setting(min_length=1)

    @field_validator("history_from", "history_to", mode="before")
    @classmethod
    def _in_utc(cls, value: object, info: ValidationInfo) -> object:
        """Take a day or a time, in UTC where no zone is given; a bare day is included."""
        if not isinstance(value, str):
            return value
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError("write 2025-05-05 or 2025-05-05T14:30:00 (UTC)") from None
        whole = len(value) <= len("2025-05-05") and info.field_name == "history_to"
        return (at if at.tzinfo else at.replace(tzinfo=UTC)) + timedelta(days=int(whole))

    @model_validator(mode="before")
    @classmethod
    def _split_symbols(cls, data: dict[str, object]) -> dict[str, object]:
        symbols = data.get("SYMBOLS")
        if isinstance(symbols, str):
            data = {**data, "SYMBOLS": frozenset(split_symbols(symbols, "SYMBOLS"))}
        return data
