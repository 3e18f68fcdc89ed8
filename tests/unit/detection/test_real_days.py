"""Every trade of every real day at hand: the compiled detector against the literal oracle."""

import hashlib
from pathlib import Path

import pytest

from tape.archives import find_archives, read_archive
from tape.codec.batch import decode_batch
from tape.codec.symbols import SymbolTable
from tape.detection.parameters import Parameters
from tape.detection.protocol import DUPLICATE, LATE, NEW
from tape.detection.registry import make_detector
from tape.model.fields import TIME_MAX_NS
from tests.oracle import Trade, judged

REAL = Path(__file__).resolve().parents[4] / "shared/data"
OUTCOMES = {NEW: "NEW", LATE: "LATE", DUPLICATE: "DUPLICATE"}
RULES = {1: "High Volume", 2: "Rapid Price Change", 4: "Isolation Forest"}


def real_files() -> list[Path]:
    """The files of trades at hand, each content once."""
    by_content = {
        hashlib.sha256(path.read_bytes()).hexdigest(): path
        for path in sorted(REAL.rglob("*.trades.csv.zst"))
    }
    return sorted(by_content.values())


@pytest.mark.full
@pytest.mark.parametrize("path", real_files() or [None], ids=lambda p: p.name if p else "none")
def test_every_verdict_of_a_real_day_is_the_oracles(path: Path | None) -> None:
    if path is None:
        pytest.skip("no real trades here; the synthetic tapes are tested")
    symbols = SymbolTable()
    detector = make_detector(Parameters(), symbols)
    trades: list[Trade] = []
    answers: list[tuple[str, set[str]]] = []
    (archive,) = find_archives(path).archives
    for batch in read_archive(archive, latest_ns=TIME_MAX_NS):
        columns = decode_batch(batch.keys, batch.values, symbols).trades
        verdicts = detector.detect(columns)
        trades += zip(
            [symbols.names[number] for number in columns.symbol],
            columns.publisher_id.tolist(),
            columns.ts_event_ns.tolist(),
            columns.price_nanos.tolist(),
            columns.size.tolist(),
            columns.side.tolist(),
            columns.sequence.tolist(),
            strict=True,
        )
        answers += [
            (OUTCOMES[outcome], {name for bit, name in RULES.items() if rules & bit})
            for outcome, rules in zip(
                verdicts.outcome.tolist(), verdicts.rules.tolist(), strict=True
            )
        ]
    assert len(trades) > 10_000
    expected = judged(trades)
    different = [at for at, (a, b) in enumerate(zip(answers, expected, strict=True)) if a != b]
    assert different == []
