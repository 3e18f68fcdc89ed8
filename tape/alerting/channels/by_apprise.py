"""Services that Apprise knows: Slack, Teams, Telegram, mail, ntfy, PagerDuty, and a hundred more.

What Apprise logs may hold addresses with their secrets: it is kept from every log, and only the
status of an answer is read from it.
"""

import difflib
import logging
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from tempfile import NamedTemporaryFile
from typing import Any, Final
from urllib.parse import urlsplit

from tape.alerting.channels.answers import refuse_status
from tape.alerting.channels.given import Given, given_urls, named
from tape.alerting.channels.reach import reach
from tape.alerting.message import AwayError, Message, Reached, Takes, Weight
from tape.errors import SettingsError
from tape.process.terminal_text import printable

MISSING: Final = "ALERT_URLS needs apprise, which is not installed"
INSTALL: Final = "install tapewatch[alerts], or use ALERT_WEBHOOK_URL"
STATUS: Final = re.compile(r"error=(\d{3})\b")
TYPES: Final[dict[Weight, str]] = {"info": "info", "warning": "warning", "urgent": "failure"}
ADDRESSES: Final = ("webhook_url", "notify_url", "api_url")
"""Where services of Apprise have the address that they send to."""

WITH_IT: Final = frozenset(
    (
        *("mailto", "mailtos", "mailgun", "sendgrid", "ses", "smtp2go", "resend", "postmark"),
        *("brevo", "sparkpost", "mailersend", "sendpulse", "signal", "signals"),
        *("json", "jsons", "form", "forms", "xml", "xmls", "apprise", "apprises"),
    )
)
"""Schemes of which Apprise puts a picture into the request of the message, as its source shows.

With the others the message could be there and its picture fail, and the message would be sent
again: they get it afterwards.
"""


class AppriseChannel:
    """One address of one service, through Apprise.

    Attributes:
        name: as in rules.
        place: the service.
        takes_pictures: whether, and when.
    """

    def __init__(self, name: str, service: str, plugin: Any, timeout_s: float) -> None:
        self.name, self.place, self._plugin = name, f"{service} (Apprise)", plugin
        self.takes_pictures = _takes(plugin)
        plugin.redirects = False
        plugin.socket_connect_timeout = plugin.socket_read_timeout = timeout_s

    def send(self, message: Message, once: str) -> str | None:
        """Send a message; raises `RefusedError` or `AwayError` if it was not taken.

        Apprise tells no id of a message: it can be followed up, not changed.
        """
        del once
        words = self._words(message)
        if message.picture_png is None or self.takes_pictures != "with it":
            self._notify(words)
        else:
            with _attached(message.picture_png, message.picture_name) as attach:
                self._notify(words | {"attach": attach})
        return None

    def show(self, picture_png: bytes, name: str) -> None:
        """Send a picture without words; raises `ChannelError` if it was not taken."""
        with _attached(picture_png, name) as attach:
            self._notify({"title": "", "body": "", "attach": attach})

    def _notify(self, words: dict[str, Any]) -> None:
        with _listening() as statuses:
            try:
                taken = self._plugin.notify(**words)
            except Exception as error:  # plugins of a hundred authors; their texts hold addresses
                raise AwayError(f"Apprise failed ({type(error).__name__})") from None
        if taken:
            return
        if statuses:
            refuse_status(statuses[-1])
        raise AwayError("the service did not take it")

    def _words(self, message: Message) -> dict[str, Any]:
        from apprise import NotifyFormat, NotifyType

        html = self._plugin.resolve_format(NotifyFormat.HTML) == NotifyFormat.HTML
        return {
            "title": message.title,
            "body": message.html if html else message.text,
            "body_format": NotifyFormat.HTML if html else NotifyFormat.TEXT,
            "notify_type": NotifyType(TYPES[message.weight]),
        }

    def reached(self) -> Reached:
        """Look whether the service's server answers, where Apprise shows which it is."""
        if any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy")):
            return Reached(None, "not looked at: there is a proxy in between")
        plugin = self._plugin
        if getattr(plugin, "smtp_host", None):
            tls = getattr(plugin, "secure_mode", "") == "ssl"
            return reach(str(plugin.smtp_host), int(plugin.port), tls=tls)
        for attribute in ADDRESSES:
            address = getattr(plugin, attribute, None)
            if isinstance(address, str) and address.startswith("http"):
                parts = urlsplit(address)
                if parts.hostname and "{" not in parts.netloc:
                    tls = parts.scheme == "https"
                    return reach(parts.hostname, parts.port or (443 if tls else 80), tls=tls)
        if not plugin.host or ("." not in f"{plugin.host}" and not plugin.port):
            return Reached(None, "not looked at: Apprise does not show its server")
        tls = bool(plugin.secure)
        return reach(str(plugin.host), int(plugin.port or (443 if tls else 80)), tls=tls)


def apprise_channels(text: str, *, timeout_s: float) -> list[AppriseChannel]:
    """Return the channels that ALERT_URLS names.

    Raises `SettingsError` for an address that cannot work, without its secrets.
    """
    given = given_urls(text)
    if not given:
        return []
    try:
        import apprise
    except ImportError:
        raise SettingsError(MISSING, INSTALL) from None
    _silence()
    asset = apprise.AppriseAsset(
        app_id="Tapewatch",
        app_desc="Tapewatch",
        async_mode=False,
        http_redirects=False,
        storage_mode="memory",  # it would write what it knows of services to the home folder
        secure_logging=True,
    )
    plugins = [_plugin(apprise, asset, one) for one in given]
    services = [_service(plugin) for plugin in plugins]
    return [
        AppriseChannel(name, str(plugin.service_name), plugin, timeout_s)
        for name, plugin in zip(named(given, services), plugins, strict=True)
    ]


def _takes(plugin: Any) -> Takes:
    """Return how a service takes pictures; Slack's webhooks do not, its bots do."""
    if not plugin.attachment_support or "hook" in str(getattr(plugin, "mode", "")):
        return "none"
    return "with it" if _scheme(plugin) in WITH_IT else "after it"


def _scheme(plugin: Any) -> str:
    found = plugin.secure_protocol or plugin.protocol
    return str(found[0] if isinstance(found, tuple | list) else found)


def _service(plugin: Any) -> str:
    """Return the name of a channel that has none: that of its service."""
    name = _scheme(plugin)
    return {"mailtos": "mail", "mailto": "mail", "msteams": "teams"}.get(name, name)


def _plugin(apprise: Any, asset: Any, one: Given) -> Any:
    """Return Apprise's object for an address; raises `SettingsError` for what cannot work."""
    manager = _of_apprise("apprise.manager_plugins", "NotificationManager")()
    schemas = set(manager.schemas())
    try:
        plugin = apprise.Apprise.instantiate(one.url, asset=asset, suppress_exceptions=False)
    except Exception as error:  # plugins of a hundred authors; their texts hold addresses
        plugin, why = None, f" ({type(error).__name__})"
    else:
        why = ""
    if plugin is None:
        raise _fault(one, schemas, manager, why)
    if not plugin.verify_certificate:
        raise SettingsError(
            f"{one.shown} says verify=no: anybody between could read and change what is sent",
            "leave it out, and trust the server's authority on this machine (SSL_CERT_FILE, "
            "REQUESTS_CA_BUNDLE)",
        )
    return plugin


def _fault(one: Given, schemas: set[str], manager: Any, why: str) -> SettingsError:
    if one.scheme not in schemas:
        near = difflib.get_close_matches(one.scheme, schemas, 1)
        meant = f"did you mean {near[0]}://? " if near else ""
        return SettingsError(
            f"{one.shown} is of no service that Apprise knows",
            f"{meant}docs/alerts.md has examples, and https://appriseit.com/services/ all",
        )
    setup = printable(str(getattr(manager[one.scheme], "setup_url", "") or "its documentation"))
    return SettingsError(
        f"{one.shown} is not what the service needs{why}: a part is missing or malformed",
        f"compare it with {setup}",
    )


@contextmanager
def _attached(picture_png: bytes, name: str) -> Iterator[Any]:
    """Give a picture to be attached: as a file, for many services of Apprise open it by its name.

    Raises `AwayError` where no file can be written.
    """
    attach = _of_apprise("apprise", "AppriseAttachment")()
    try:
        with NamedTemporaryFile(prefix="tapewatch-", suffix=".png") as file:
            file.write(picture_png)
            file.flush()
            kind = _of_apprise("apprise.attachment.file", "AttachFile")
            attach.add(kind(path=file.name, name=name, mimetype="image/png"))
            yield attach
    except OSError as error:
        raise AwayError(f"no file for the picture ({error.strerror})") from None


def _of_apprise(module: str, name: str) -> Any:
    """Return a part of Apprise, which is not typed."""
    return getattr(import_module(module), name)


class _Statuses(logging.Handler):
    """Takes from Apprise's log the statuses of answers, and nothing else, for each thread."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.found = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        found: list[int] | None = getattr(self.found, "statuses", None)
        if found is not None:
            found += map(int, STATUS.findall(record.getMessage()))

    def handleError(self, record: logging.LogRecord) -> None:
        """Say nothing: it would print the record."""


_statuses = _Statuses()


@contextmanager
def _listening() -> Iterator[list[int]]:
    """Collect the statuses that Apprise tells of in this thread."""
    statuses: list[int] = []
    _statuses.found.statuses = statuses
    try:
        yield statuses
    finally:
        _statuses.found.statuses = None


def _silence() -> None:
    """Keep what Apprise and its clients log from every log: it may hold addresses."""
    for name in ("apprise", "urllib3", "requests"):
        logger = logging.getLogger(name)
        logger.propagate = False
        logger.handlers = [logging.NullHandler()]
    logger = logging.getLogger("apprise")
    logger.setLevel(logging.WARNING)
    logger.handlers = [_statuses]
