"""Flagged trades and their episodes as they lie on the topics, from trades made for it."""

import json
from dataclasses import dataclass
from typing import Any

from tape.detection.parameters import Parameters
from tape.judging.judge import Judge
from tape.model.counts import Counts
from tape.testing.trades import OPEN_NS, a_trade, messages

APART_NS = 5_000_000_000
"""Between two flagged trades: each is an episode of its own."""


@dataclass(frozen=True)
class Told:
    """What a detector writes: values of `anomalies`, of `episodes` with their keys, of `bars`."""

    anomalies: list[bytes]
    episodes: list[tuple[str, bytes]]
    bars: list[tuple[str, bytes]]

    @property
    def ids(self) -> list[str]:
        return list(dict.fromkeys(name for name, _ in self.episodes))


def told(count: int, *, symbol: str = "NVDA", first: int = 1, price_usd: float = 100.0) -> Told:
    """Return `count` episodes of one large trade each, of rising size and so of priority."""
    judge = Judge(Parameters(), 100, Counts(), bars=True)
    trades = [
        a_trade(
            2 * n + ordinary,
            symbol=symbol,
            size=100 if ordinary else 20_000 + 1_000 * n,
            price_usd=price_usd,
            ts_event_ns=OPEN_NS + n * APART_NS + ordinary * APART_NS // 2,
        )
        for n in range(first, first + count)
        for ordinary in (0, 1)  # a flag on the very next trade would be of the same episode
    ]
    found = judge.judge(*messages(trades))
    assert judge.bars is not None
    return Told(
        [one.value for one in found.flagged],
        [(step.episode_id, step.value) for step in found.episodes],
        judge.bars.told(),
    )


def changed(value: bytes, **fields: Any) -> bytes:
    """Return a message with other values of some fields."""
    return json.dumps({**json.loads(value), **fields}).encode()
