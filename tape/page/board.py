"""All that the page knows, bounded: episodes, their flagged trades, bars, decisions.

Pure: no Kafka, no browser, no clock of its own. One thread adds, others ask; every change has a
number, by which a viewer says what it has.
"""

import threading
from bisect import bisect_left
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from tape.model.anomaly import Anomaly, decode_anomaly
from tape.model.bar import Bar, decode_bar, iso_second, seconds_of
from tape.model.episode import decode_episode
from tape.model.fields import NANOS
from tape.model.rejected import Rejected
from tape.model.review import Review, decode_review, follows
from tape.page.candles import MINUTE, Candles
from tape.page.filters import Wanted
from tape.page.rows import Row, review_of, row_of, trade_of

EPISODES_MAX: Final = 20_000
"""Episodes that are kept; 40 MB. Of four busy symbols at usual settings a month."""
TRADES_EACH: Final = 200
"""Flagged trades that are kept of an episode: the first ones."""
ANOMALIES_MAX: Final = 40_000
"""Flagged trades that are kept in all; 2 kB each."""
BARS_SHOWN: Final = 1_800
"""Bars of a second that a chart gets at once: half an hour of a busy symbol."""
RECENT_MINUTES: Final = 5
"""Over which flagged trades are counted against the budget."""
MINUTES_MAX: Final = 600
"""Minutes of the overview: a day from 4:00 to 14:00 later."""
CHANGES_MAX: Final = 5_000
"""Changes that a viewer may be behind; then it asks for everything again."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a message lies."""

    topic: str = ""
    partition: int = 0
    offset: int = 0
    at_ms: int = 0
    trade: tuple[int, int] | None = None


@dataclass(slots=True)
class _Flagged:
    one: Anomaly
    raw: bytes
    source: Source


@dataclass(slots=True)
class Board:
    """What the page knows.

    Attributes:
        seq: number of the last change.
        unreadable: messages that could not be read.
        newest_ns: time of the newest trade that is known of, by bars and flags.
        trades: trades in all bars so far; grows.
        anomalies: flagged trades so far; grows.
        lost: episodes that were dropped because there are too many.
    """

    seq: int = 0
    unreadable: int = 0
    newest_ns: int = 0
    trades: int = 0
    anomalies: int = 0
    lost: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)
    _rows: "OrderedDict[str, Row]" = field(default_factory=OrderedDict)
    _changes: "deque[tuple[int, str]]" = field(default_factory=lambda: deque(maxlen=CHANGES_MAX))
    _flagged: "OrderedDict[str, _Flagged]" = field(default_factory=OrderedDict)
    _of_episode: "dict[str, list[str]]" = field(default_factory=lambda: defaultdict(list))
    _candles: Candles = field(default_factory=Candles)
    _reviews: dict[str, Review] = field(default_factory=dict)
    _by_minute: "dict[str, dict[str, int]]" = field(default_factory=lambda: defaultdict(dict))

    def add_anomaly(self, raw: bytes, source: Source = Source()) -> None:
        """Take a message of `anomalies`."""
        one = decode_anomaly(raw)
        with self.lock:
            if isinstance(one, Rejected):
                self.unreadable += 1
                return
            self.anomalies += one.anomaly_id not in self._flagged
            self.newest_ns = max(self.newest_ns, one.trade.ts_event_ns)
            of = self._of_episode[one.episode_id]
            if one.anomaly_id not in self._flagged and len(of) >= TRADES_EACH:
                return
            if one.anomaly_id not in self._flagged:
                of.append(one.anomaly_id)
            self._flagged[one.anomaly_id] = _Flagged(one, raw, source)
            while len(self._flagged) > ANOMALIES_MAX:
                name, old = self._flagged.popitem(last=False)
                rest = self._of_episode[old.one.episode_id]
                rest.remove(name)
                if not rest:
                    del self._of_episode[old.one.episode_id]
            if one.episode_id in self._rows:
                self._changed(one.episode_id)

    def add_episode(self, raw: bytes, seen_s: float) -> None:
        """Take a message of `episodes`; the later state counts."""
        if not raw:
            return
        episode = decode_episode(raw)
        with self.lock:
            if isinstance(episode, Rejected):
                self.unreadable += 1
                return
            name = episode.episode_id
            before = self._rows.get(name)
            seen = seen_s if before is None else before["seen"]
            row = row_of(episode, self._reviews.get(name), seen)
            if before is not None and {**before, "seq": 0} == {**row, "seq": 0}:
                return
            if before is None:
                minutes = self._by_minute[episode.symbol]
                minute = episode.first_ts_event[:16]
                minutes[minute] = minutes.get(minute, 0) + 1
                if len(minutes) > MINUTES_MAX:
                    del minutes[min(minutes)]
            self._rows[name] = row
            self._changed(name)
            while len(self._rows) > EPISODES_MAX:
                self._rows.popitem(last=False)
                self.lost += 1

    def add_bar(self, raw: bytes) -> None:
        """Take a message of `bars`; of a symbol and second the last one counts."""
        bar = decode_bar(raw)
        with self.lock:
            if isinstance(bar, Rejected):
                self.unreadable += 1
                return
            before = self._candles.add(bar)
            self.newest_ns = max(self.newest_ns, seconds_of(bar.bar_start) * NANOS)
            self.trades += bar.trades - (0 if before is None else before.trades)

    def add_review(self, raw: bytes) -> Review | None:
        """Take a message of `reviews`; return what counts of its episode if this one does not."""
        new = decode_review(raw)
        with self.lock:
            if isinstance(new, Rejected):
                self.unreadable += 1
                return None
            before = self._reviews.get(new.episode_id)
            if not follows(before, new):
                return before
            self._reviews[new.episode_id] = new
            row = self._rows.get(new.episode_id)
            if row is not None:
                row.update(review_of(new))
                self._changed(new.episode_id)
            return None

    def _changed(self, name: str) -> None:
        self.seq += 1
        self._rows[name]["seq"] = self.seq
        self._changes.append((self.seq, name))

    def changes(self, since: int) -> list[Row] | None:
        """Return the rows that changed after a number; None if that is too long ago."""
        with self.lock:
            if since > self.seq or (self._changes and since < self._changes[0][0] - 1):
                return None
            names = {name for seq, name in self._changes if seq > since and name in self._rows}
            return [dict(self._rows[name]) for name in names]

    def wanted(self, wanted: Wanted, most: int) -> tuple[list[Row], int]:
        """Return the first rows of a filter, and how many there are in all."""
        with self.lock:
            found = [row for row in self._rows.values() if wanted.has(row)]
            found.sort(key=wanted.key, reverse=True)
            return [dict(row) for row in found[:most]], len(found)

    def new_bars(self) -> dict[str, list[Bar]]:
        """Return the bars that have changed since the last call, by symbol."""
        with self.lock:
            return self._candles.new()

    def bars(self, symbol: str, at: str | None = None, each: int = BARS_SHOWN // 2) -> list[Bar]:
        """Return the last bars of a symbol's seconds by time, or `each` to both sides of one."""
        with self.lock:
            found = self._candles.seconds(symbol)
        if at is None:
            return found[-BARS_SHOWN:]
        place = bisect_left(found, at, key=lambda bar: bar.bar_start)
        return found[max(0, place - each) : place + each]

    def minutes(self, symbol: str) -> list[Bar]:
        """Return the bars of a symbol's minutes, of a day at most, by time."""
        with self.lock:
            return self._candles.minutes(symbol)

    def symbols(self) -> list[str]:
        """Return the symbols that there are bars or episodes of."""
        with self.lock:
            episodes = {row["symbol"] for row in self._rows.values()}
            return sorted(self._candles.symbols() | episodes)

    def overview(self) -> dict[str, dict[str, int]]:
        """Return how many episodes began, by symbol and minute."""
        with self.lock:
            return {symbol: dict(minutes) for symbol, minutes in self._by_minute.items()}

    def recent(self) -> dict[str, Any]:
        """Return what was flagged in the last minutes that there are bars of, by symbol.

        By the trades' own time: of a day that is replayed it is that day's.
        """
        with self.lock:
            newest = self._candles.newest
            if not newest:
                return {"until": None, "symbols": []}
            last = seconds_of(newest) // 60
            minutes = [iso_second(60 * (last - n))[:MINUTE] for n in range(RECENT_MINUTES)]
            counts = self._candles.of_minutes(minutes)
            rules: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
            for row in self._rows.values():
                if row["first"][:MINUTE] in minutes:
                    for rule in row["rules"]:
                        rules[row["symbol"]][rule] += 1
        symbols = [
            {"symbol": name, "trades": trades, "flagged": flagged, "rules": rules.get(name, {})}
            for name, (trades, flagged) in counts.items()
        ]
        return {"until": newest, "symbols": symbols}

    def detail(self, episode_id: str) -> dict[str, Any] | None:
        """Return all that is known of an episode; None if it is not known."""
        with self.lock:
            row = self._rows.get(episode_id)
            if row is None:
                return None
            flagged = [self._flagged[name] for name in self._of_episode.get(episode_id, ())]
            review = self._reviews.get(episode_id)
            trades = [{**trade_of(f.one), "committed_ms": f.source.at_ms} for f in flagged]
            raw = flagged[0].raw.decode("utf-8", "replace") if flagged else ""
            steps = () if review is None else review.history
            return {**row, "trades": trades, "raw": raw, "history": _as_dicts(steps)}

    def episode_of(self, anomaly_id: str) -> str | None:
        """Return the episode of a flagged trade; None if it is not known (any more)."""
        with self.lock:
            found = self._flagged.get(anomaly_id)
            return None if found is None else found.one.episode_id

    def source_of(self, episode_id: str) -> tuple[Anomaly, Source] | None:
        """Return the worst flagged trade of an episode and where it lies."""
        with self.lock:
            flagged = [self._flagged[name] for name in self._of_episode.get(episode_id, ())]
            if not flagged:
                return None
            worst = max(flagged, key=lambda f: (f.one.priority or 0.0, -f.one.trade.ts_event_ns))
            return worst.one, worst.source

    def review(self, episode_id: str) -> Review | None:
        """Return what was decided about an episode."""
        with self.lock:
            return self._reviews.get(episode_id)

    def reviews(self) -> Iterable[Review]:
        """Return what was decided, of all episodes."""
        with self.lock:
            return list(self._reviews.values())


def _as_dicts(steps: Iterable[Any]) -> list[dict[str, Any]]:
    return [{name: getattr(step, name) for name in step.__struct_fields__} for step in steps]
