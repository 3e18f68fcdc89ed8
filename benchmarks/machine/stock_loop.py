"""Quix Streams as its tutorials use it: one message per call, JSON in and out, the same detector.

Run by `tape bench` beside the micro-batched detector.
"""

import sys

import msgspec
from quixstreams import Application

from tape.judging.judge import Judge
from tape.model.counts import Counts
from tape.model.trade import Trade, decode, encode
from tape.settings.detector import DetectorSettings
from tape.settings.load import load


def main() -> int:
    """Judge one message at a time until the input is idle."""
    settings = load(DetectorSettings)
    app = Application(
        broker_address=settings.broker_address,
        consumer_group=settings.consumer_group,
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        commit_interval=settings.commit_interval_s,
        state_dir=settings.state_dir,
    )
    judge = Judge(settings.parameters(), settings.max_symbols, Counts())

    def anomalies(trade: dict[str, object]) -> list[object]:
        decoded = decode(msgspec.json.encode(trade))
        assert isinstance(decoded, Trade)  # noqa: S101
        flagged = judge.judge([decoded.symbol.encode()], [encode(decoded)]).flagged
        return [msgspec.json.decode(one.value) for one in flagged]

    trades = app.dataframe(app.topic(settings.input, value_deserializer="json"))
    trades.apply(anomalies, expand=True).to_topic(
        app.topic(settings.output, value_serializer="json")
    )
    app.run(timeout=settings.stop_when_idle_s, collect=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
