"""Messages of flagged trades, as any writer of `anomalies` may send them."""

import json
from typing import Any


def flagged(rules: list[str], texts: list[str], **fields: Any) -> bytes:
    """Return a message with these rules and their sentences; `fields` come before all others."""
    whys = zip(rules, texts, strict=True)
    reasons = [{"rule": r, "value": 30_000, "threshold": 20_000, "text": t} for r, t in whys]
    message = {
        "ts_event": "2025-03-03T15:00:00.123456789Z",
        "publisher_id": 2,
        "side": "B",
        "price": 1.5,
        "size": 7,
        "symbol": "NVDA",
        "anomaly_id": "x",
        "anomalies": rules,
        "reasons": reasons,
        "detector": {"version": "1", "settings": "abc"},
    }
    return json.dumps(message | fields).encode()
