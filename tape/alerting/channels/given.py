"""The addresses in ALERT_URLS, told apart; what is wrong with one is said without its secrets."""

import re
from dataclasses import dataclass, field
from typing import Final

from tape.errors import SettingsError
from tape.process.terminal_text import printable

SETTING: Final = "ALERT_URLS"
SPLIT: Final = re.compile(r"[\s,]+(?=(?:[A-Za-z0-9_-]+=)?[A-Za-z][A-Za-z0-9+.-]{0,30}:)|\s*\n\s*")
"""Between two addresses: an address itself may have commas, as between the readers of a mail."""

GIVEN: Final = re.compile(r"(?:([A-Za-z0-9_-]{1,40})=)?([A-Za-z][A-Za-z0-9+.-]{0,30})://(\S.*)")
NAME: Final = re.compile(r"[a-z0-9_-]{1,40}")
RESERVED: Final = frozenset(("webhook",))
"""The name of the channel that ALERT_WEBHOOK_URL makes."""


@dataclass(frozen=True, slots=True)
class Given:
    """One address.

    Attributes:
        number: from 1 on, as people count.
        name: what the channel is called; None if it was not said.
        scheme: of the service, in lower case.
        url: whole, with its secrets.
    """

    number: int
    name: str | None
    scheme: str
    url: str = field(repr=False)

    @property
    def shown(self) -> str:
        """Return what can be said of it."""
        return f"{SETTING}, number {self.number} ({printable(self.scheme)}://…)"


def given_urls(text: str) -> list[Given]:
    """Return the addresses in a setting: apart by commas, spaces or lines; `#` begins a remark.

    Raises `SettingsError` for what is no address, and for two of one name.
    """
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    parts = [part.strip(" \t,") for part in SPLIT.split("\n".join(lines).strip()) if part]
    given: list[Given] = []
    for number, part in enumerate(filter(None, parts), 1):
        match = GIVEN.fullmatch(part)
        if match is None:
            raise SettingsError(
                f"{SETTING}, number {number}, is no address",
                "write SERVICE://…, several with commas or lines between, as docs/alerts.md shows",
            )
        name = match[1].lower() if match[1] else None
        given.append(Given(number, name, match[2].lower(), part[match.start(2) :]))
    _refuse_names(given)
    return given


def _refuse_names(given: list[Given]) -> None:
    names = [one.name for one in given if one.name is not None]
    for name in names:
        if names.count(name) > 1 or name in RESERVED:
            raise SettingsError(
                f"{SETTING}: two channels are called {name}", "give each a name of its own"
            )


def named(given: list[Given], service: list[str]) -> list[str]:
    """Return what each channel is called: its name, or that of its service, with a number.

    >>> three = [Given(n, name, "slack", "") for n, name in enumerate((None, "desk", None))]
    >>> named(three, ["slack"] * 3)
    ['slack', 'desk', 'slack-2']
    """
    taken = {one.name for one in given if one.name is not None} | RESERVED
    names = []
    for one, called in zip(given, service, strict=True):
        name, number = one.name or called, 1
        while one.name is None and name in taken:
            number += 1
            name = f"{called}-{number}"
        taken.add(name)
        names.append(name)
    return names
