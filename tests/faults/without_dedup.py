"""The detector that takes every trade for new: the control that must show the repeats."""

import sys

from tape.codec.batch import DecodedBatch
from tape.judging import judge
from tape.model.columns import TradeColumns
from tape.model.fields import NO_SEQUENCE
from tape.process.exit import run_main

decode_batch = judge.decode_batch  # type: ignore[attr-defined]


def forgetful(*args: object) -> DecodedBatch:
    """Decode a batch and take away the sequences, without which no trade is a repeat."""
    batch = decode_batch(*args)  # type: ignore[arg-type]
    trades = batch.trades
    trades.sequence[:] = NO_SEQUENCE
    assert isinstance(trades, TradeColumns)
    return batch


judge.decode_batch = forgetful  # type: ignore

from anomaly_detector.main import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(run_main(main))
