"""Places of symbols: the rule record by record, whatever the batches, restarts and floods."""

import random
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tape.codec.batch import decode_batch
from tape.codec.name_slots import NAME_WIDTH
from tape.codec.places import LIMITS, Limits, Place
from tape.codec.symbols import SymbolTable
from tape.codec.text import Slots, home_of
from tape.detection.parameters import Parameters
from tape.judging.judge import Judge
from tape.model.counts import Counts
from tape.settings.detector import DetectorSettings
from tape.testing import MemoryStore
from tests.unit.codec.test_trade import GOOD

SMALL = Limits(established_trades=3, silent_records=4, gone_records=9)
NAMES = ("A", "B", "CC", "D" * 16, "E" * 17, "F" * 17, "G" * 71, "H", "I" * 30, "J")


@dataclass
class Oracle:
    """The rule of `tape.codec.places` to the letter: one record at a time, plain dicts."""

    capacity: int
    limits: Limits
    record: int = 0
    last: dict[str, int] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    forgotten: list[str] = field(default_factory=list)

    def take(self, symbol: str | None) -> bool:
        """Take a record; returns whether its trade is judged. None is an unreadable one."""
        self.record += 1
        if symbol is None:
            return False
        if symbol not in self.last and len(self.last) >= self.capacity:
            victim = self.victim()
            if victim is None:
                return False
            del self.last[victim], self.seen[victim]
            self.forgotten.append(victim)
        self.last[symbol] = self.record
        self.seen[symbol] = self.seen.get(symbol, 0) + 1
        return True

    def victim(self) -> str | None:
        def silent_longest(established: bool, silent: int) -> str | None:
            one_kind = [
                (self.last[symbol], symbol)
                for symbol in self.last
                if (self.seen[symbol] >= self.limits.established_trades) == established
            ]
            last, symbol = min(one_kind, default=(self.record, ""))
            return symbol if self.record - last >= silent else None

        return silent_longest(False, self.limits.silent_records) or silent_longest(
            True, self.limits.gone_records
        )


def message(symbol: str | None, form: int) -> tuple[bytes, bytes]:
    """A record with a trade of a symbol, in the canonical form or another one, or with none."""
    if symbol is None:
        return b"X", b"{}"
    raw = GOOD.replace(b"NVDA", symbol.encode())
    return symbol.encode(), b" " + raw if form else raw


def restarted(table: SymbolTable, limits: Limits) -> SymbolTable:
    """A table with what one would find of the other in the store."""
    fresh = SymbolTable(table.capacity, limits)
    fresh.resume(table.clock, sorted(places(table)))
    return fresh


def places(table: SymbolTable) -> list[Place]:
    held = [number for number, name in enumerate(table.names) if table.number(name) == number]
    return [Place(table.names[n], *table.place(n), kept_bytes=1) for n in held]


records = st.lists(
    st.tuples(st.sampled_from([*NAMES, None]), st.integers(0, 1)), min_size=1, max_size=120
)


@settings(max_examples=300)
@given(records, st.integers(1, 6), st.randoms(use_true_random=False))
def test_the_table_obeys_the_rule_record_by_record(
    drawn: list[tuple[str | None, int]], capacity: int, dice: random.Random
) -> None:
    oracle, table = Oracle(capacity, SMALL), SymbolTable(capacity, SMALL)
    forgotten, at = 0, 0
    while at < len(drawn):
        if dice.random() < 0.3:
            forgotten += table.forgotten
            table = restarted(table, SMALL)
        part = drawn[at : at + dice.randint(1, 40)]
        at += len(part)
        keys, values = zip(*(message(*one) for one in part), strict=True)
        batch = decode_batch(keys, values, table)
        found: list[str | None] = [None] * len(part)
        for position, number in zip(batch.positions, batch.trades.symbol, strict=True):
            found[position] = table.names[number]
        judged = [oracle.take(symbol) for symbol, _ in part]
        expected = [s if ok else None for (s, _), ok in zip(part, judged, strict=True)]
        assert found == expected
        reasons = {row: fault.reason for row, fault in batch.rejected}
        for row, (symbol, _) in enumerate(part):
            if not judged[row]:
                assert (reasons[row] == "symbol_unknown") == (symbol is not None)
        assert forgotten + table.forgotten == len(oracle.forgotten)
        assert table.held == len(oracle.last) <= capacity
        kept = {place.symbol: place[1:3] for place in places(table)}
        assert kept == {name: (oracle.last[name], oracle.seen[name]) for name in oracle.last}
        assert table.clock == oracle.record


@given(st.lists(st.sampled_from(NAMES), min_size=1, max_size=60), st.integers(0, 2**32))
def test_places_of_states_from_before_go_by_name(drawn: list[str], seed: int) -> None:
    """They are established, and silent since record 0: of several the first by name goes."""
    old = [Place(name, 0, SMALL.established_trades, 1) for name in ("old-b", "old-a", "old-c")]
    random.Random(seed).shuffle(old)
    oracle, table = Oracle(3, SMALL), SymbolTable(3, SMALL)
    table.resume(0, old)
    oracle.last = dict.fromkeys((place.symbol for place in old), 0)
    oracle.seen = dict.fromkeys(oracle.last, SMALL.established_trades)
    keys, values = zip(*(message(name, 0) for name in drawn), strict=True)
    decode_batch(keys, values, table)
    for name in drawn:
        oracle.take(name)
    assert {place.symbol for place in places(table)} == set(oracle.last)


def test_a_lower_limit_takes_no_place_away_that_is_held() -> None:
    table = SymbolTable(2, SMALL)
    table.resume(20, [Place(name, 20, 1, 1) for name in ("A", "B", "C")])
    keys, values = zip(*(message(name, 0) for name in ("A", "D", "B", "C", "D")), strict=True)
    batch = decode_batch(keys, values, table)
    assert [row for row, _ in batch.rejected] == [1]
    assert {place.symbol for place in places(table)} == {"B", "C", "D"}


def test_a_flood_ends_before_the_breaker_trips_over_it() -> None:
    """With the limits as they are: records in a row that are rejected, at worst."""
    table = SymbolTable(1)
    keys, values = zip(*(message(f"S{n}", 0) for n in range(5_000)), strict=True)
    batch = decode_batch(keys, values, table)
    accepted = batch.positions.tolist()
    longest = max(np.diff([*accepted, len(values)]).tolist()) - 1
    run_max = DetectorSettings.model_fields["rejected_run_max"].default
    assert longest == LIMITS.silent_records - 1 < run_max


SETTING = Parameters(
    volume_threshold=400, window=40, stride=2, history=60, refit_every=100, trees=5
)
HONEST = ("AAPL", "NVDA-with-a-long-name")


def trade(symbol: str, n: int, price_cents: int, size: int) -> bytes:
    at = f"2025-05-05T14:{n // 60_000:02}:{n // 1_000 % 60:02}.{n % 1_000:03}053891Z"
    return (
        f'{{"ts_recv":"{at}","ts_event":"{at}","rtype":0,"publisher_id":2,"instrument_id":1,'
        f'"action":"T","side":"N","depth":0,"price":{price_cents // 100}.{price_cents % 100:02},'
        f'"size":{size},"flags":0,"ts_in_delta":1,"sequence":{n + 1},"symbol":"{symbol}"}}'
    ).encode()


def tape_with_floods(dice: random.Random, count: int) -> tuple[list[bytes], list[bytes]]:
    """Records of honest symbols, in stretches, with duplicates, floods and garbage in between."""
    keys: list[bytes] = []
    values: list[bytes] = []
    n = 0
    while len(values) < count:
        kind = dice.random()
        names = [dice.choice(HONEST)] if kind < 0.5 else [f"F{n + k}" for k in range(40)]
        if kind > 0.9:
            names = ["".join(dice.choices("ABCDEFGH", k=dice.choice([1, 20]))) for _ in range(4)]
        for name in dice.choices(names, k=dice.randint(1, 40)):
            if values and dice.random() < 0.1:
                again = max(0, len(values) - dice.randint(1, 10))
                keys.append(keys[again])
                values.append(values[again])
                continue
            n += 1
            price = dice.choice([10_000, 10_000, 10_005, 10_150])
            keys.append(name.encode())
            bad = dice.random() < 0.03
            values.append(b"{" if bad else trade(name, n, price, dice.choice([10, 300, 500])))
    return keys, values


@dataclass
class Said:
    """What came of a tape: anomalies and steps of episodes, and records that were rejected."""

    flagged: list[tuple[int, bytes]] = field(default_factory=list)
    unread: list[tuple[int, str]] = field(default_factory=list)
    episodes: list[tuple[int, bytes]] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)


def judged(
    keys: list[bytes],
    values: list[bytes],
    parameters: Parameters,
    capacity: int,
    limits: Limits,
    dice: random.Random | None = None,
) -> Said:
    """Judge a tape in one batch or, with dice, in any batches, with commits and restarts."""
    said, store, at, committed = Said(), MemoryStore(), 0, 0
    cut = len(values) if dice is None else 0
    profile = parameters.profile

    def started() -> Judge:
        kept = store.of(profile).kept()
        return Judge(parameters, capacity, said.counts, kept=kept, limits=limits)

    judge = started()
    pending = Said()
    while at < len(values):
        size = cut or dice.choice([1, 3, 20, 200])  # type: ignore[union-attr]
        part = slice(at, at + size)
        found = judge.judge(keys[part], values[part], store.of(profile))
        pending.flagged += [(at + one.position, one.value) for one in found.flagged]
        pending.unread += [(at + one.position, str(one.rejected)) for one in found.unread]
        pending.episodes += [(at + one.position, one.value) for one in found.episodes]
        at = min(at + size, len(values))
        if dice is None or at == len(values) or dice.random() < 0.3:
            store.commit(judge, profile)
            for name in ("flagged", "unread", "episodes"):
                getattr(said, name).extend(getattr(pending, name))
            pending, committed = Said(), at
            if dice is not None and dice.random() < 0.3:
                judge = started()
        elif dice.random() < 0.1:  # killed: what was not committed is done again
            pending, at = Said(), committed
            judge = started()
    return said


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.sampled_from(["classic", "calibrated"]), st.integers(1, 12))
def test_no_cutting_and_no_restart_changes_an_answer(
    seed: int, profile: str, capacity: int
) -> None:
    limits = Limits(established_trades=20, silent_records=15, gone_records=120)
    parameters = SETTING
    if profile == "calibrated":
        parameters = Parameters(profile="calibrated", alerts_per_10k=2_000)
    dice = random.Random(seed)
    keys, values = tape_with_floods(dice, 1_500)
    whole = judged(keys, values, parameters, capacity, limits)
    again = judged(keys, values, parameters, capacity, limits, dice)
    assert again.flagged == whole.flagged
    assert again.unread == whole.unread
    assert again.episodes == whole.episodes


def test_a_flood_does_not_shut_honest_symbols_out_with_or_without_a_restart() -> None:
    """F07: 60 places, a flood of 1,100 names, then 6,000 trades of AAPL."""
    dice = random.Random(7)
    names = [f"F{n:04}" for n in range(1_100)] + ["AAPL"] * 6_000
    sizes = [10 if dice.random() < 0.995 else 30_000 for _ in names]
    values = [trade(name, n, 10_000, size) for n, (name, size) in enumerate(zip(names, sizes))]  # noqa: B905
    keys = [name.encode() for name in names]
    oracle = Oracle(60, LIMITS)
    expected = [oracle.take(name) for name in names]
    assert all(expected[2_000:]), "from here on all of AAPL is judged"
    said = []
    for restart_at in (None, 100, 1_050, 1_100, 4_000):
        store, counts = MemoryStore(), Counts()
        found: list[tuple[str, bytes]] = []
        judge = Judge(Parameters(), 60, counts)
        for at in range(0, len(values), 50):
            if at == restart_at:
                store.commit(judge, "classic")
                judge = Judge(Parameters(), 60, counts, kept=store.of("classic").kept())
            part = slice(at, at + 50)
            one = judge.judge(keys[part], values[part], store.of("classic"))
            found += [(flagged.symbol, flagged.value) for flagged in one.flagged]
        assert counts.rejected["symbol_unknown"] == len(names) - expected.count(True)
        said.append((found, counts.rejected, counts.trades, counts.symbols_forgotten))
    assert all(one == said[0] for one in said)
    flags = [symbol for symbol, _ in said[0][0]]
    assert flags.count("AAPL") >= sizes[2_000:].count(30_000) > 10


def test_a_symbol_that_traded_is_safe_from_a_flood() -> None:
    counts = Counts()
    judge = Judge(Parameters(), 60, counts)
    names = ["AAPL"] * 100 + [f"F{n}" for n in range(30_000)] + ["AAPL"]
    values = [trade(name, n, 10_000 if n < 100 else 10_200, 1) for n, name in enumerate(names)]
    found = judge.judge([name.encode() for name in names], values)
    last = [one.rules for one in found.flagged if one.position == len(names) - 1]
    assert ["Rapid Price Change" in rules for rules in last] == [True], "its price is remembered"
    assert counts.symbols_forgotten > 1_000


def old_home(low: np.ndarray, high: np.ndarray, size: int) -> np.ndarray:
    """The place of a name in the table of the version before, which anybody could compute."""
    mixed = (low ^ (high * np.uint64(0x9E3779B97F4A7C15))) * np.uint64(0xFF51AFD7ED558CCD)
    return (mixed >> np.uint64(32)) & np.uint64(size - 1)


def probes(slots: Slots) -> float:
    """How many slots are looked at to find a name, on average."""
    mask, total = len(slots.number) - 1, 0
    held = np.flatnonzero(slots.number >= 0).tolist()
    for slot in held:
        home = int(home_of(slots, slots.low[slot], slots.high[slot]))
        total += (slot - home & mask) + 1
    return total / len(held)


def colliding_names(count: int, size: int) -> list[str]:
    """Different names of eight letters that all met in one slot."""
    random_letters = np.random.default_rng(1).integers(65, 91, (4_000_000, 8)).astype(np.uint8)
    low = random_letters.view(np.uint64).reshape(-1)
    homes = old_home(low, np.zeros_like(low), size)
    chosen = random_letters[homes == homes[0]][: 2 * count]
    names = list(dict.fromkeys(bytes(row).decode() for row in chosen))[:count]
    assert len(names) == count
    return names


def test_names_chosen_to_meet_in_one_slot_meet_no_more() -> None:
    """At most half full, random names take 1.5 looks on average (Knuth 6.4); 500 before."""
    names = colliding_names(900, size=4_096)
    table = SymbolTable()
    for name in names:
        table.number(name)
    assert len(table.found.short.number) == 4_096
    assert probes(table.found.short) < 2 * 1.5


def test_long_names_that_differ_little_do_not_meet() -> None:
    table = SymbolTable()
    for n in range(900):
        table.number("A" * 30 + chr(65 + n % 26) + "A" * 15 + chr(65 + n // 26) + "A" * 9)
    slots = table.found.long
    mask, total = len(slots.number) - 1, 0
    for slot in np.flatnonzero(slots.number >= 0).tolist():
        total += (slot - (int(slots.low[slot]) >> 32) & mask) + 1
    assert total / 900 < 2 * 1.5


@pytest.mark.parametrize("kind", ["short", "long"])
@given(seed=st.integers(0, 2**32))
@settings(max_examples=30)
def test_names_that_go_leave_no_hole(kind: str, seed: int) -> None:
    """Whatever goes and comes: what is there is found, and nothing else."""
    dice = random.Random(seed)
    names = [f"S{n}" if kind == "short" else f"{'L' * 20}{n}" for n in range(120)]
    table, held = SymbolTable(40, Limits(5, 1, 1)), set[str]()
    for _ in range(300):
        name = dice.choice(names)
        keys, values = zip(message(name, 0), strict=True)
        decode_batch(keys, values, table)
        held = {place.symbol for place in places(table)}
        assert name in held
    keys, values = zip(*(message(name, 0) for name in sorted(held)), strict=True)
    before = table.forgotten
    batch = decode_batch(keys, values, table)
    assert [table.names[n] for n in batch.trades.symbol.tolist()] == sorted(held)
    assert table.forgotten == before
    assert len(table.names) <= 41
    assert len(table.found.text) < 200 * NAME_WIDTH
