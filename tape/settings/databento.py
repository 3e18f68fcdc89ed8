"""Settings of `tape fetch`."""

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from tape.errors import SettingsError
from tape.settings.broker import BrokerSettings
from tape.settings.setting import setting


class FetchSettings(BaseSettings):
    """Settings of `tape fetch`."""

    model_config = BrokerSettings.model_config

    api_key: SecretStr = setting(
        SecretStr(""), "DATABENTO_API_KEY", "key of your DataBento account; a secret"
    )
    gateway: str = setting(
        "https://hist.databento.com",
        "DATABENTO_GATEWAY",
        "where DataBento's historical service is",
        pattern=r"^(https://[A-Za-z0-9.:\[\]-]+|http://(127\.0\.0\.1|localhost)(:[0-9]+)?)$",
    )

    connect_s: float = setting(
        10.0, "FETCH_CONNECT_S", "wait for a connection", "seconds", gt=0, le=600
    )
    read_s: float = setting(
        60.0, "FETCH_READ_S", "wait for the next piece of an answer", "seconds", gt=0, le=3_600
    )

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
