"""State as a log: wherever commits and kills fall, every answer is that of an uninterrupted run."""

import json
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tape.codec.places import Limits
from tape.detection.parameters import Parameters
from tape.errors import StateError
from tape.judging.bar_changes import BarChanges
from tape.judging.judge import Judge
from tape.judging.state_keys import Kept, ProfileState, state_key
from tape.judging.trade_log import trade_log
from tape.judging.trade_log.keep import keep
from tape.judging.trade_log.keys import MARK, log_key, unmarked
from tape.judging.trade_log.packing import packed, unpacked
from tape.judging.trade_log.record import HEADER, LogRecord, decode_record, encode_record
from tape.model.columns import TradeColumns
from tape.model.counts import Counts
from tape.model.partitions import Partition
from tape.testing import MemoryStore
from tests.small_model import small_model
from tests.sub_penny_days import EXAMPLE, PROFILE
from tests.unit.judging.test_golden import SMALL, tape

BOTH = "classic,calibrated"
NAMES = {PROFILE: "sub_penny"}
ROWS = tape()[:3_000]


@pytest.fixture(autouse=True)
def the_example_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLE))


@pytest.fixture
def a_small_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log of a few hundred trades, so that a short tape goes through all that a log does."""
    monkeypatch.setattr(trade_log, "WHOLE_TRADES", 300)
    monkeypatch.setattr(trade_log, "RECORD_TRADES", 20)
    monkeypatch.setattr("tape.judging.trade_log.take_up.LOG_TRADES", 700)
    monkeypatch.setattr("tape.judging.trade_log.take_up.OWN_LOG_TRADES", 500)
    monkeypatch.setattr("tape.judging.trade_log.kept_log.AT_ONCE", 150)


class Run:
    """A detector that is killed and started again, on a store that has what was committed."""

    def __init__(self, profile: str, *, most: int = 10, limits: Limits | None = None) -> None:
        self.store = MemoryStore()
        self.told: list[bytes] = []
        self.bars: list[list[tuple[str, bytes]]] = []
        """Told by each commit."""
        self.at = 0
        self._most, self._limits = most, limits
        self.begin(profile)

    def begin(self, profile: str, *, bars: bool = True) -> None:
        """Start, from what is in the store."""
        names = ",".join(NAMES.get(word, word) for word in profile.split(","))
        self.state = ProfileState(self.store, names, set(), lambda *_: None)
        self.profile, self.row, self._new = profile, self.at, list[bytes]()
        more = {} if self._limits is None else {"limits": self._limits}
        self.judge = Judge(
            _parameters(profile),
            self._most,
            Counts(),
            kept=self.state.kept(),
            bars=bars,
            **more,
        )

    def go(self, rows: list[tuple[bytes, bytes]]) -> None:
        """Judge a batch."""
        found = self.judge.judge([key for key, _ in rows], [value for _, value in rows], self.state)
        self._new += [one.value for one in found.flagged] + [one.value for one in found.episodes]
        self.row += len(rows)

    def commit(self) -> None:
        """Keep what there is, and tell what was found: both or, if killed before, neither."""
        self.bars.append([] if self.judge.bars is None else sorted(self.judge.bars.told()))
        keep(self.judge, self.state)
        self.told += self._new
        self.at, self._new = self.row, []


@lru_cache
def _parameters(profile: str) -> Parameters:
    model = str(small_model()[0]) if "supervised" in profile else ""
    return Parameters(
        **SMALL,  # type: ignore[arg-type]
        profile=profile,  # type: ignore[arg-type]
        alerts_per_10k=300,
        volume_threshold=900,
        episode_gap_s=5.0,
        model=model,
    )


@lru_cache
def uninterrupted(
    profile: str, batch: int = 500
) -> tuple[list[bytes], dict[tuple[str, str], bytes]]:
    run = Run(profile)
    run.judge.log = None
    for start in range(0, len(ROWS), batch):
        run.go(ROWS[start : start + batch])
    return sorted(run._new), last_bars([run.judge.bars.told()])  # type: ignore[union-attr]


def last_bars(told: list[list[tuple[str, bytes]]]) -> dict[tuple[str, str], bytes]:
    """Return what a reader has in the end of each symbol and second."""
    return {
        (symbol, json.loads(value)["bar_start"]): value for some in told for symbol, value in some
    }


def interrupted(profile: str, batches: list[int], commits: list[bool], kills: list[bool]) -> Run:
    """Go over the tape in batches of these sizes, again and again, and commit and die as said."""
    run, turn = Run(profile), 0
    while run.at < len(ROWS):
        run.go(ROWS[run.row : run.row + batches[turn % len(batches)]])
        is_end = run.row == len(ROWS)
        if commits[turn % len(commits)] or is_end:
            run.commit()
        if kills[turn % len(kills)] and not is_end:
            run.begin(profile)
        turn += 1
        assert turn < 5_000
    return run


@settings(max_examples=12, deadline=None, suppress_health_check=[*HealthCheck])
@given(
    st.sampled_from(["classic", "calibrated", BOTH, PROFILE]),
    st.lists(st.integers(1, 400), min_size=3, max_size=9),
    st.lists(st.booleans(), min_size=1, max_size=9).map(lambda some: [*some, True]),
    st.lists(st.booleans(), min_size=1, max_size=12).map(lambda some: [*some, False, False]),
)
def test_any_commits_and_any_kills_leave_the_same_anomalies_episodes_and_bars(
    a_small_log: None, profile: str, batches: list[int], commits: list[bool], kills: list[bool]
) -> None:
    run = interrupted(profile, batches, commits, kills)
    assert (sorted(run.told), last_bars(run.bars)) == uninterrupted(profile)


@pytest.mark.parametrize("profile", ["supervised", f"calibrated,supervised,{PROFILE}"])
def test_models_and_others_detectors_survive_kills_too(a_small_log: None, profile: str) -> None:
    run = interrupted(profile, [37, 90, 11], [True, False], [False, False, True])
    assert (sorted(run.told), last_bars(run.bars)) == uninterrupted(profile)


@pytest.mark.parametrize("profile", ["classic", BOTH])
def test_each_commit_tells_the_same_bars_whatever_was_killed_before_it(
    a_small_log: None, profile: str
) -> None:
    killed, calm = Run(profile), Run(profile)
    calm.judge.log = None
    for start in range(0, 1_500, 30):
        for run in (killed, calm):
            run.go(ROWS[start : start + 30])
            run.commit()
        if start % 4:
            killed.begin(profile)
    assert killed.bars == calm.bars
    bands = [json.loads(value)["lower"] for some in calm.bars for _, value in some]
    assert any(bands) == (profile == BOTH)


def test_a_run_without_bars_leaves_none_of_before_it(a_small_log: None) -> None:
    """As where whole states are kept: a bar whose trades it does not know all of is no bar."""

    def told(*, logged: bool) -> list[list[tuple[str, bytes]]]:
        run = Run("classic")
        for nth, start in enumerate(range(0, 900, 20)):
            run.begin("classic", bars=nth // 5 % 3 != 1)
            if not logged:
                run.judge.log = None
            run.go(ROWS[start : start + 20])
            run.commit()
        return run.bars

    assert told(logged=True) == told(logged=False)


def test_the_log_is_really_used_and_bounded(a_small_log: None) -> None:
    run = interrupted("classic", [40], [True], [False])
    blobs = [blob for _, blob in run.state.log().records("classic")]
    assert 10 < len(blobs) < 60, "700 trades in records of 40 or fewer, and some free places"
    live = [decode_record(blob) for blob in blobs]
    assert sum(len(one.trades) for one in live) < 2_000
    numbers = [one.number for one in live]
    assert max(numbers) > 70 > len(numbers) == len(set(numbers))
    for symbol in ("AAPL", "NVDA", "BRK.B"):
        assert unmarked(run.store[state_key("classic", symbol)])[0] > 10


def test_profiles_that_come_and_go_find_their_own_log(a_small_log: None) -> None:
    """What a detector has seen is all that counts for it, wherever its log was left."""

    def told(profiles: list[str], *, kill: bool) -> tuple[list[bytes], object]:
        run = Run(profiles[0])
        for nth, profile in enumerate(profiles):
            run.begin(profile)
            for start in range(nth * 400, nth * 400 + 400, 40):
                run.go(ROWS[start : start + 40])
                if not kill:
                    run.judge.log = None
                run.commit()
                if kill and start % 80 == 0:
                    run.begin(profile)
        return run.told, run.bars

    profiles = ["classic", BOTH, "calibrated", f"calibrated,{PROFILE}", BOTH, "classic", BOTH]
    assert told(profiles, kill=True) == told(profiles, kill=False)


def test_symbols_lose_and_get_places_as_without_kills(a_small_log: None) -> None:
    names = [f"S{n % 7}" if n % 3 else f"N{n % 41}" for n in range(1_500)]
    rows = [
        (name.encode(), value.replace(b'"symbol":"' + key + b'"', f'"symbol":"{name}"'.encode()))
        for name, (key, value) in zip(names, ROWS, strict=False)
    ]

    def told(kill: bool) -> tuple[list[bytes], object, set[bytes]]:
        run = Run(BOTH, most=9, limits=Limits(20, 5, 60))
        for nth, start in enumerate(range(0, len(rows), 30)):
            run.go(rows[start : start + 30])
            run.commit()
            if kill and nth % 3 == 0:
                run.begin(BOTH)
        return run.told, run.bars, {key for key in run.store if key.count(b'"') == 4}

    assert told(kill=True) == told(kill=False)


def test_state_of_before_there_was_a_log_is_read_once(a_small_log: None) -> None:
    run = Run("classic")
    run.judge.log = None
    run.go(ROWS[:500])
    run.commit()
    assert not [key for key in run.store if unmarked(run.store[key])[0]]
    expected = Run("classic")
    expected.judge.log = None
    expected.go(ROWS)
    for start in range(500, len(ROWS), 40):
        run.begin("classic")
        run.go(ROWS[start : start + 40])
        run.commit()
    assert sorted(run.told) == sorted(expected._new)
    assert list(run.state.log().records("classic"))


@pytest.mark.parametrize("profile", ["classic", BOTH])
def test_what_is_reset_starts_over_though_the_log_has_its_trades(
    a_small_log: None, profile: str
) -> None:
    """`tape state reset NVDA --profile classic` deletes that key."""
    logged, whole = Run(profile), Run(profile)
    whole.judge.log = None
    for run in (logged, whole):
        for start in range(0, 800, 40):
            run.go(ROWS[start : start + 40])
            run.commit()
        del run.store[state_key("classic", "NVDA")]
        run.begin(profile)
        if run is whole:
            run.judge.log = None
        for start in range(800, 2_000, 40):
            run.go(ROWS[start : start + 40])
            run.commit()
            if run is logged:
                run.begin(profile)
    assert (logged.told, logged.bars) == (whole.told, whole.bars)


def test_a_partition_takes_up_its_own_symbols_only(a_small_log: None) -> None:
    run = Run("classic")
    run.go(ROWS[:400])
    run.commit()
    run.go(ROWS[400:420])
    run.commit()
    mine = next(p for p in range(4) if Partition(p, 4).fault("NVDA") is None)
    judge = Judge(_parameters("classic"), 9, Counts(), kept=run.state.kept(), of=Partition(mine, 4))
    assert "NVDA" in judge.symbols.names
    assert all(Partition(mine, 4).fault(name) is None for name in judge.symbols.names)


def test_a_damaged_log_is_refused(a_small_log: None) -> None:
    run = Run("classic")
    for start in range(0, 400, 40):
        run.go(ROWS[start : start + 40])
        run.commit()
    key = log_key("classic", 0)
    for at in (0, 5, HEADER.size + 3, len(run.store[key]) - 1):
        bent = bytearray(run.store[key])
        bent[at] ^= 1
        store = MemoryStore({**run.store, key: bytes(bent)})
        with pytest.raises(StateError, match="log of trades"):
            Judge(_parameters("classic"), 9, Counts(), kept=store.of("classic").kept())


@given(st.binary(max_size=60), st.integers(4, MARK.size - 1), st.integers(1, 255))
def test_a_damaged_mark_is_refused(raw: bytes, at: int, bits: int) -> None:
    from tape.judging.trade_log.keys import marked

    whole = bytearray(marked(raw, 7))
    whole[at] ^= bits
    with pytest.raises(StateError, match="log of trades"):
        unmarked(bytes(whole))


INTEGERS = st.integers(-(2**63), 2**63 - 1)


@given(
    st.lists(INTEGERS | st.integers(-500, 70_000), max_size=20),
    st.sampled_from([(), (1_000,), (10_000_000, 100_000)]),
)
def test_any_column_comes_back(values: list[int], steps: tuple[int, ...]) -> None:
    column = np.array(values, np.int64)
    for one in (column, column * 100_000):
        blob = packed(one, steps)
        found, end = unpacked(b"x" + blob, 1)
        assert (found.tolist(), end) == (one.tolist(), len(blob) + 1)


def test_a_column_takes_no_more_bytes_than_its_range() -> None:
    prices = 142_570_000_000 + 10_000_000 * np.arange(0, 60_000, 7)
    assert len(packed(prices, (10_000_000,))) == 21 + 2 * len(prices)
    assert len(packed(np.full(9_000, -5))) == 21


def records() -> Iterator[LogRecord]:
    long, short = np.array([3, -(2**60)], np.int64), np.array([1, 0], np.int32)
    trades = TradeColumns(short, short, long, long, long, short.astype(np.uint8) + 65, long, short)
    by = np.array([255, 1], np.uint8)
    two = ("classic", "calibrated")
    edge = np.array([[-(2**63)], [2**63 - 1], [0], [-1]])
    bars = np.concatenate([np.tile(edge, 15), np.arange(60).reshape(4, 15)])
    bars[:, -1] = [-(2**62), *bars[1:, 0] - 1]  # there is no second yet that is done with
    many = BarChanges(np.arange(8) % 2, np.arange(8) // 2, bars)
    texts = {1: b"episode", 0: b""}
    yield LogRecord(7, two, ["BRK.B", "ÄÖ€"], long, long, trades, by, texts, many)
    none = TradeColumns(*[getattr(trades, name)[:0] for name in TradeColumns.__slots__])
    yield LogRecord(1, ("classic",), ["A"], long[:1], long[:1], none, by[:0], {})


def test_a_record_comes_back() -> None:
    for record in records():
        found = decode_record(encode_record(record))
        for name in ("number", "detectors", "names", "episodes"):
            assert getattr(found, name) == getattr(record, name)
        for name in ("last_record", "trades_seen", "dropped_by"):
            assert getattr(found, name).tolist() == getattr(record, name).tolist()
        for name in TradeColumns.__slots__:
            before, after = getattr(record.trades, name), getattr(found.trades, name)
            assert (before.tolist(), before.dtype) == (after.tolist(), after.dtype)
        assert (found.bars is None) == (record.bars is None)
        if found.bars is not None and record.bars is not None:
            for name in ("symbol", "place", "bars"):
                assert getattr(found.bars, name).tolist() == getattr(record.bars, name).tolist()


def test_a_log_of_a_later_program_is_refused() -> None:
    blob = bytearray(encode_record(next(records())))
    blob[4] = 9
    with pytest.raises(StateError, match="version 9, this program knows 1"):
        decode_record(bytes(blob))


def test_without_anything_kept_whole_states_are_kept() -> None:
    judge = Judge(_parameters("classic"), 9, Counts())
    judge.judge([key for key, _ in ROWS[:50]], [value for _, value in ROWS[:50]])
    store = MemoryStore()
    store.commit(judge, "classic")
    assert list(store.of("classic").log().records("classic")) == []
    assert isinstance(store.of("classic").kept(), Kept)
