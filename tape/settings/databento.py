"""Settings of `tape fetch`."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from tape.errors import SettingsError
from tape.settings.broker import BrokerSettings


class FetchSettings(BaseSettings):
    """Settings of `tape fetch`."""

    model_config = BrokerSettings.model_config

    api_key: SecretStr = Field(SecretStr(""), alias="DATABENTO_API_KEY")
    gateway: str = Field(
        "https://hist.databento.com",
        alias="DATABENTO_GATEWAY",
        pattern=r"^(https://[A-Za-z0-9.:\[\]-]+|http://(127\.0\.0\.1|localhost)(:[0-9]+)?)$",
    )

    connect_s: float = Field(10.0, alias="FETCH_CONNECT_S", gt=0, le=600)
    read_s: float = Field(60.0, alias="FETCH_READ_S", gt=0, le=3_600)

    def key(self) -> SecretStr:
        """Return the key. Raises `SettingsError`, which does not show it, if it cannot be one."""
        text = self.api_key.get_secret_value().strip()
        if not text:
            raise SettingsError(
                "DATABENTO_API_KEY is not set",
                "copy your key from the page API keys of DataBento's portal into the environment "
                "or into .env",
            )
        if not (text.isascii() and text.isprintable()) or {" ", ":"} & set(text):
            raise SettingsError(
                "DATABENTO_API_KEY is not a valid key: it contains spaces or illegal characters",
                "copy it again from the page API keys of DataBento's portal",
            )
        return SecretStr(text)
