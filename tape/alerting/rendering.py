"""What people read of an announcement: a title, text, and HTML with all of it escaped."""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from html import escape
from typing import Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from tape.alerting.decision import Announcement
from tape.alerting.kept import Sent
from tape.alerting.message import TEXT_MAX, TITLE_MAX, Message, Weight
from tape.model.episode import Episode
from tape.model.fields import dollars
from tape.process.terminal_text import printable

NEW_YORK: Final = ZoneInfo("America/New_York")
LISTED: Final = 20
"""Episodes that a digest lists; of the others it says how many they are."""

LINE_MAX: Final = 500
"""Characters of one text from outside."""

NO_BREAK: Final = "\u200b"
WEIGHTS: Final[dict[str, Weight]] = {
    "new": "warning",
    "worse": "urgent",
    "ended": "info",
    "digest": "info",
    "test": "info",
}
_HEAD: Final = {"worse": "worse than announced", "ended": "ended"}

Line = tuple[str, str]
"""What a line is about, empty for a sentence, and what it says."""


def rendered(announcement: Announcement, page_url: str = "") -> Message:
    """Return an announcement as a message; `page_url` is where the page is, if there is one."""
    if announcement.kind == "test":
        return trial_message(announcement.channel, page_url)
    if announcement.episode is None:
        return _digest(announcement, page_url)
    episode = announcement.episode
    lines: list[Line] = [("", outside(episode.text))]
    lines += [(name, value) for name, value in _facts(announcement, episode) if value]
    url = link(page_url, episode.episode_id)
    return _message(
        _title(announcement, episode),
        lines,
        url,
        WEIGHTS[announcement.kind],
        {
            "kind": announcement.kind,
            "channel": announcement.channel,
            "rule": announcement.rule,
            "because": announcement.because,
            "episode": facts_of(episode),
            "new_york": new_york(episode.first_ts_event),
        },
    )


def trial_message(channel: str, page_url: str = "") -> Message:
    """Return the message that says that a channel works, and that nothing happened."""
    lines = [
        ("", "This is a test of Tapewatch. Nothing happened on the tape."),
        ("Channel", outside(channel)),
    ]
    fields: dict[str, object] = {"kind": "test", "channel": channel}
    return _message("Tapewatch: test", lines, page_url, "info", fields)


def _digest(announcement: Announcement, page_url: str) -> Message:
    listed = announcement.digest
    lines = [("", f"{outside(announcement.because)}.")] if announcement.because else []
    lines += [("", _listed(one)) for one in listed[:LISTED]]
    if len(listed) > LISTED:
        lines.append(("", f"… and {len(listed) - LISTED:,} more."))
    number = f"{len(listed):,} episode{'' if len(listed) == 1 else 's'}"
    fields: dict[str, object] = {
        "kind": announcement.kind,
        "channel": announcement.channel,
        "rule": announcement.rule,
        "because": announcement.because,
        "episodes": [_fields_of(one) for one in listed],
    }
    title = f"Tapewatch: {number} not sent one by one"
    return _message(title, lines, page_url, "info", fields)


def _fields_of(one: Sent) -> dict[str, object]:
    why = None if one.held is None else one.held.reason
    return {
        "episode_id": one.episode_id,
        "symbol": one.symbol,
        "priority": one.priority,
        "ts_event": one.ts_event,
        "text": one.text,
        "mark": one.mark,
        "withheld_for": why,
    }


def _listed(one: Sent) -> str:
    worth = "" if one.priority is None else f", priority {one.priority:.1f}"
    why = "" if one.held is None else f" ({one.held.reason})"
    return f"{outside(one.symbol)}{worth}, {new_york(one.ts_event)}{why}: {outside(one.text)}"


def _title(announcement: Announcement, episode: Episode) -> str:
    symbol = outside(episode.symbol)
    if announcement.kind == "ended":
        return f"{symbol} ended: {outside(episode.mark or 'no mark')}{_likely(episode)}"
    what = outside(episode.rule or next(iter(episode.rules), "") or "unusual trades")
    worth = "" if episode.priority is None else f", priority {episode.priority:.1f}"
    head = f" {_HEAD[announcement.kind]}" if announcement.kind in _HEAD else ""
    return f"{symbol}{head}: {what}{worth}"


def _likely(episode: Episode) -> str:
    return ", likely" if episode.mark else ""


def _facts(announcement: Announcement, episode: Episode) -> Iterable[Line]:
    """Yield what a person asks for next, in that order; what is not known is empty."""
    if announcement.kind == "ended":
        yield "Outcome", _outcome(episode)
    yield "Why flagged", outside(episode.reason or "")
    yield "Price", _prices(episode)
    yield "Shares", "" if episode.shares is None else f"{episode.shares:,}"
    yield "Notional", "" if episode.notional_usd is None else dollars(episode.notional_usd)
    yield "Flagged trades", f"{episode.flags:,}"
    yield "Worth", _worth(episode)
    yield "Time", f"{new_york(episode.first_ts_event)} ({utc(episode.first_ts_event)})"
    yield "Context", outside(episode.context or "")
    yield "Alert because", outside(announcement.because)
    yield "Rule", outside(announcement.rule)
    yield "Episode", outside(episode.episode_id)


def _outcome(episode: Episode) -> str:
    """Return how an episode ended, as in "came back after 14 flagged trades: bad print, likely"."""
    trades = f"{episode.flags:,} flagged trade{'' if episode.flags == 1 else 's'}"
    if episode.mark == "move":
        return f"stayed after {trades}: a real move, likely"
    if episode.mark is None:
        return f"over after {trades}"
    return f"reverted after {trades}: {outside(episode.mark)}, likely"


def _prices(episode: Episode) -> str:
    found = [("before ", episode.price_before), ("", episode.price_extreme)]
    found.append(("after ", episode.price_after))
    return ", ".join(f"{word}{_price(price)}" for word, price in found if price is not None)


def _price(price: Decimal) -> str:
    return dollars(price)


def _worth(episode: Episode) -> str:
    found = (("priority", episode.priority, 1), ("severity", episode.severity, 2))
    return ", ".join(f"{name} {value:.{d}f}" for name, value, d in found if value is not None)


def facts_of(episode: Episode) -> dict[str, object]:
    """Return an episode's facts for a program: as on the topic, prices as text."""
    prices = ("price_before", "price_extreme", "price_after")
    names = (
        *("episode_id", "symbol", "state", "flags", "rules", "severity", "priority", "family"),
        *("rule", "reason", "context", "shares", "notional_usd", "mark", "text"),
        *("first_ts_event", "last_ts_event", "duration_s"),
    )
    found = {name: getattr(episode, name) for name in names}
    found |= {n: None if (p := getattr(episode, n)) is None else str(p) for n in prices}
    return {name: _finite(value) for name, value in found.items()}


def _finite(value: object) -> object:
    """Return a value that JSON has."""
    if isinstance(value, float) and value - value != 0:
        return None
    return value


def link(page_url: str, episode_id: str) -> str:
    """Return where the page shows an episode; empty if there is no page.

    >>> link("https://desk.example/", "BRK.B-2-17 1")
    'https://desk.example/?episode=BRK.B-2-17%201'
    """
    if not page_url:
        return ""
    return f"{page_url.rstrip('/')}/?episode={quote(episode_id, safe='', errors='replace')}"


def outside(text: str) -> str:
    r"""Return a text from outside as text only: no control characters, nothing that calls people.

    Services read `@everyone` and `<!channel>` as a call: a character of no width stands behind.

    >>> outside("@all <!here>\n") == "@\u200ball <\u200b!here>\\n"
    True
    """
    safe = printable(text[: LINE_MAX + 1])
    safe = safe[:LINE_MAX] + "…" if len(safe) > LINE_MAX else safe
    return safe.replace("@", f"@{NO_BREAK}").replace("<", f"<{NO_BREAK}")


def new_york(ts_event: str) -> str:
    """Return a time of the tape as New York's clock shows it.

    >>> new_york("2025-03-03T14:30:00.123456789Z")
    '09:30:00.123 New York, 3 Mar 2025'
    """
    at = _moment(ts_event)
    if at is None:
        return outside(ts_event)
    local = at.astimezone(NEW_YORK)
    return f"{local:%H:%M:%S}.{local.microsecond // 1000:03} New York, {local.day} {local:%b %Y}"


def utc(ts_event: str) -> str:
    """Return a time of the tape in UTC, to the millisecond.

    >>> utc("2025-03-03T14:30:00.123456789Z")
    '14:30:00.123 UTC'
    """
    at = _moment(ts_event)
    return outside(ts_event) if at is None else f"{at:%H:%M:%S}.{at.microsecond // 1000:03} UTC"


def _moment(ts_event: str) -> datetime | None:
    """Return a time to the microsecond, for people; None for a text that is none."""
    try:
        at = datetime.fromisoformat(ts_event[:26].rstrip("Z"))
        return at.replace(tzinfo=UTC)
    except ValueError:
        return None


def _message(
    title: str, lines: list[Line], url: str, weight: Weight, fields: dict[str, object]
) -> Message:
    text = "\n".join(f"{name}: {value}" if name else value for name, value in lines)
    cut = text if len(text) <= TEXT_MAX else text[:TEXT_MAX] + "…"
    if url:
        cut += f"\n{url}"
    return Message(title[:TITLE_MAX], cut, _html(lines, url), url, weight, fields)


def _html(lines: list[Line], url: str) -> str:
    """Return the lines as HTML: sentences, and a table of facts."""
    parts, room = [], TEXT_MAX
    for name, value in lines:
        room -= len(name) + len(value)
        if room < 0:
            break
        if name:
            parts.append(f"<b>{escape(name)}:</b> {escape(value)}<br/>")
        else:
            parts.append(f"<p>{escape(value)}</p>")
    if url:
        parts.append(f'<p><a href="{escape(url, quote=True)}">Open</a></p>')
    return "".join(parts)
