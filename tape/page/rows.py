"""What the page shows of an episode: one row, as plain values."""

from typing import Any, Final

from tape.market.test_issues import is_test_issue
from tape.model.anomaly import Anomaly
from tape.model.episode import Episode
from tape.model.fields import NANOS, iso_time
from tape.model.review import Review

Row = dict[str, Any]
UNRANKED: Final = -1.0
"""Of an episode without a priority: after all others."""


def row_of(episode: Episode, review: Review | None, seen_s: float) -> Row:
    """Return the row of an episode; `seen_s` is when the page learnt of its state."""
    return {
        "id": episode.episode_id,
        "symbol": episode.symbol,
        "state": episode.state,
        "severity": episode.severity,
        "priority": episode.priority if episode.priority is not None else UNRANKED,
        "rules": list(episode.rules),
        "rule": episode.rule or next(iter(episode.rules), ""),
        "reason": episode.reason or episode.text,
        "text": episode.text,
        "context": episode.context or "",
        "family": episode.family or "",
        "flags": episode.flags,
        "shares": episode.shares,
        "notional": episode.notional_usd,
        "before": _number(episode.price_before),
        "extreme": _number(episode.price_extreme),
        "after": _number(episode.price_after),
        "mark": episode.mark or "",
        "first": episode.first_ts_event,
        "last": episode.last_ts_event,
        "duration": episode.duration_s,
        "test": is_test_issue(episode.symbol),
        "seen": seen_s,
        **review_of(review),
    }


def review_of(review: Review | None) -> Row:
    """Return what a row says of the decision about its episode."""
    if review is None:
        return {"review": "open", "by": "", "steps": 0}
    return {"review": review.state, "by": review.by, "steps": len(review.history)}


def trade_of(one: Anomaly) -> Row:
    """Return what the page shows of a flagged trade; ns are text, which JSON numbers are not."""
    trade = one.trade
    return {
        "anomaly_id": one.anomaly_id,
        "ts": iso_time(trade.ts_event_ns),
        "ns": str(trade.ts_event_ns),
        "recv_ns": str(trade.ts_recv_ns),
        "price": trade.price_nanos / NANOS,
        "size": trade.size,
        "side": trade.side,
        "publisher": trade.publisher_id,
        "sequence": trade.sequence,
        "severity": one.severity,
        "priority": one.priority,
        "context": one.context,
        "calibrated": one.calibrated,
        "reasons": [
            {"rule": r.rule, "text": r.text, "value": r.value, "threshold": r.threshold}
            for r in one.reasons
        ],
        "features": [
            {
                "name": f.name,
                "unit": f.unit,
                "value": f.value,
                "median": f.median,
                "one_in_10k": f.one_in_10k,
                "share": f.share,
            }
            for f in one.features
        ],
        "detector": {"version": one.detector.version, "settings": one.detector.settings},
    }


def _number(price: object) -> float | None:
    return None if price is None else float(str(price))
