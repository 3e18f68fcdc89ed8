"""Settings of the producer."""

import socket
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator
from pydantic_settings import NoDecode

from tape.settings.broker import BrokerSettings
from tape.settings.symbol_lists import split_symbols


class ProducerSettings(BrokerSettings):
    """Settings of the producer."""

    data_dir: Path = Field(Path("nasdaq"), alias="DATA_DIR")
    replay_speed: float = Field(0.0, alias="REPLAY_SPEED", ge=0, allow_inf_nan=False)
    symbols: Annotated[frozenset[str], NoDecode] = Field(frozenset(), alias="SYMBOLS")
    instance: str = Field(default_factory=socket.gethostname, alias="INSTANCE", min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _split_symbols(cls, data: dict[str, object]) -> dict[str, object]:
        symbols = data.get("SYMBOLS")
        if isinstance(symbols, str):
            data = {**data, "SYMBOLS": frozenset(split_symbols(symbols, "SYMBOLS"))}
        return data
