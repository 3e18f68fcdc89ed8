"""The channels that the settings name."""

from tape.alerting.channels.webhook import Webhook
from tape.alerting.message import Channel
from tape.errors import SettingsError


def channels_of(
    urls: str, webhook_url: str = "", webhook_secret: str = "", *, timeout_s: float = 10.0
) -> list[Channel]:
    """Return the channels, those of ALERT_URLS first; their names differ.

    Raises `SettingsError` if one cannot work, or if there is none.
    """
    found: list[Channel] = []
    if urls.strip():
        from tape.alerting.channels.by_apprise import apprise_channels  # slow to load

        found += apprise_channels(urls, timeout_s=timeout_s)
    if webhook_url:
        found.append(Webhook(webhook_url, webhook_secret, timeout_s=timeout_s))
    elif webhook_secret:
        raise SettingsError(
            "ALERT_WEBHOOK_SECRET is set, and there is no ALERT_WEBHOOK_URL", "set it"
        )
    if not found:
        raise SettingsError(
            "there is nobody to tell: neither ALERT_URLS nor ALERT_WEBHOOK_URL is set",
            "set one, as docs/alerts.md shows",
        )
    return found
