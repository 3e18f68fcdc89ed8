"""What an episode is on `episodes`: how far it is, and on closing what its price spike was."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import msgspec

from tape.judging.episode_kernel import (
    AFTER,
    AWAY,
    BEFORE,
    BY_RULE,
    CLOSED,
    EXTREME,
    FIRST_ORDINAL,
    FIRST_PRICE,
    FIRST_PUBLISHER,
    FIRST_SEQUENCE,
    FIRST_SHARED,
    FIRST_SIDE,
    FIRST_SIZE,
    FIRST_TIME,
    FLAGS,
    LAST_SEQUENCE,
    LAST_TIME,
    NO_PRICE,
)
from tape.judging.worst import Worst
from tape.model.anomaly import DetectorIdentity, anomaly_id
from tape.model.episode import BAD_PRINT, MOVE, SPIKE, STATES, EpisodeMessage, Mark
from tape.model.fields import NANOS, NO_SEQUENCE, dollars, iso_time, price_text
from tape.model.rules import RULES, Rule

Counted = Sequence[tuple[str, int]]
"""Names of rules, and the columns of a symbol's row that count them, in the order of messages."""
REMEMBERED: Final = 4_096
"""Texts of times and prices that are kept: those of the episodes that are open at a time."""
SHOWN_ONE_IN: Final = 20_000
"""A move that would be read as 0.00 % is none."""
LEAST_BP: Final = 10
"""A price move of a tenth of a per cent at least has a mark. Of what went less far and came back on
2013-10-08 (classic rules; AIG, BAC, IBM), 2 of 156 were outside the best bid and offer; of what
went farther, all 14 were, and all 13 of calibrated's."""
FEW_TRADES: Final = 3
"""A bad print is of three trades at most: real ones and injected ones are of one or two, the
smallest of 44 injected spikes is of four."""
LEFT_ONE_IN: Final = 3
"""A bad print leaves a third of the way at most, as all labelled ones of that day do."""


_encoder = msgspec.json.Encoder()


def episode_id(symbol: str, row: list[int]) -> str:
    """Return the identity of the episode in a symbol's row: its first flagged trade's."""
    return anomaly_id(
        symbol,
        row[FIRST_PUBLISHER],
        row[FIRST_TIME],
        row[FIRST_SEQUENCE],
        price_nanos=row[FIRST_PRICE],
        size=row[FIRST_SIZE],
        side=chr(row[FIRST_SIDE]),
        ordinal=row[FIRST_ORDINAL],
        shared=bool(row[FIRST_SHARED]),
    )


def mark_of(before_nanos: int, extreme_nanos: int, after_nanos: int, trades: int) -> Mark | None:
    """Return what a price move was; None if it was too small, or a price is not known.

    A move stayed if at least half of the way from before to the extreme was left afterwards.
    `trades` says how many were at least half as far away.

    >>> mark_of(100_000, 101_000, 100_100, 1), mark_of(100_000, 101_000, 100_100, 16)
    ('bad print', 'spike')
    >>> mark_of(100_000, 101_000, 100_500, 1), mark_of(100_000, 100_010, 100_000, 1)
    ('move', None)
    """
    away = abs(extreme_nanos - before_nanos)
    if NO_PRICE in (before_nanos, after_nanos):
        return None
    if not away or away * 10_000 < abs(before_nanos) * LEAST_BP:
        return None
    left = after_nanos - before_nanos
    if extreme_nanos < before_nanos:
        left = -left
    if 2 * left >= away:
        return MOVE
    return BAD_PRINT if trades <= FEW_TRADES and left * LEFT_ONE_IN <= away else SPIKE


def mark_at(kind: int, row: list[int]) -> Mark | None:
    """Return what the price move in a symbol's row was, at a step of this kind; None if open."""
    if kind != CLOSED:
        return None
    return mark_of(row[BEFORE], row[EXTREME], row[AFTER], row[AWAY])


def counted_rules(rules: Sequence[Rule]) -> Counted:
    """Return what counts the rules: there is a column for each bit of `Verdicts.rules`."""
    return tuple((rule.name, BY_RULE + rule.bit.bit_length() - 1) for rule in rules)


COUNTED: Final = counted_rules(RULES)


def as_episode_message(
    name: str,
    symbol: str,
    kind: int,
    row: list[int],
    worst: Worst,
    detector: DetectorIdentity,
    counted: Counted = COUNTED,
) -> bytes:
    """Return the message of the episode in its symbol's row, at a step of this kind.

    `name` is its `episode_id`, `worst` what its trades add up to. The parts that stay the same from
    flag to flag are remembered: made again they cost two thirds of a message.
    """
    mark = mark_at(kind, row)
    after_nanos = row[AFTER] if kind == CLOSED else NO_PRICE
    return _encoder.encode(
        EpisodeMessage(
            episode_id=name,
            symbol=symbol,
            state=STATES[kind],
            flags=row[FLAGS],
            rules={rule: row[column] for rule, column in counted if row[column]},
            severity=worst.severity,
            priority=worst.priority,
            family=worst.family,
            rule=worst.rule or None,
            reason=worst.reason or None,
            context=worst.context or None,
            shares=worst.shares,
            notional_usd=None if worst.shares is None else round(int(worst.notional) / NANOS, 2),
            publisher_id=worst.publisher_id,
            first_ts_event=_first_time(row[FIRST_TIME]),
            first_sequence=_sequence(row[FIRST_SEQUENCE]),
            last_ts_event=iso_time(row[LAST_TIME]),
            last_sequence=_sequence(row[LAST_SEQUENCE]),
            duration_s=abs(row[LAST_TIME] - row[FIRST_TIME]) / NANOS,
            price_before=_price(row[BEFORE]),
            price_extreme=_price(row[EXTREME]),
            price_after=_price(after_nanos),
            mark=mark,
            text=_text(row, worst.shares, mark),
            detector=detector,
        )
    )


def _sequence(sequence: int) -> int | None:
    return None if sequence == NO_SEQUENCE else sequence


_first_time = lru_cache(maxsize=REMEMBERED)(iso_time)


@lru_cache(maxsize=REMEMBERED)
def _price(nanos: int) -> msgspec.Raw | None:
    return None if nanos == NO_PRICE else msgspec.Raw(price_text(nanos).encode())


def _text(row: list[int], shares: int | None, mark: Mark | None) -> str:
    """Return one sentence that a trader understands."""
    text = "1 flagged trade"
    if row[FLAGS] > 1:
        text = f"{row[FLAGS]:,} flagged trades {_span(abs(row[LAST_TIME] - row[FIRST_TIME]))}"
    if shares is not None:
        text += f", {shares:,} share{'' if shares == 1 else 's'}"
    text += _moved(row[BEFORE], row[EXTREME])
    if mark is None:
        return f"{text}."
    after = dollars(row[AFTER] / NANOS)
    if mark == MOVE:
        return f"{text}, {after} afterwards: a real move, likely."
    return f"{text} and back to {after}: a {mark}, likely."


def _span(ns: int) -> str:
    """Return how long something took in the unit that suits it.

    >>> _span(0), _span(44_373), _span(1_500_000), _span(61_250_000_000)
    ('at once', 'within 44.4 µs', 'within 1.5 ms', 'within 61.2 s')
    """
    if ns == 0:
        return "at once"
    if ns < 1_000_000:
        return f"within {ns / 1e3:.3g} µs"
    if ns < NANOS:
        return f"within {ns / 1e6:.3g} ms"
    return f"within {ns / 1e9:,.1f} s"


@lru_cache(maxsize=REMEMBERED)
def _moved(before_nanos: int, extreme_nanos: int) -> str:
    """Return the part of the sentence that says how far the price went."""
    extreme = dollars(extreme_nanos / NANOS)
    if before_nanos in (NO_PRICE, extreme_nanos):
        return f" at {extreme}"
    moved = f"; price {dollars(before_nanos / NANOS)} to {extreme}"
    far = abs(extreme_nanos - before_nanos)
    if far * SHOWN_ONE_IN < abs(before_nanos):
        return f" at {extreme}"
    if before_nanos == 0:  # of which nothing is a share
        return moved
    return f"{moved} ({100 * (extreme_nanos - before_nanos) / abs(before_nanos):+.2f} %)"
