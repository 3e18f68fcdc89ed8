"""One event, one alert: episodes against their literal form, in any batches and any order."""

import itertools
import json
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tape.codec.symbols import SymbolTable
from tape.detection.protocol import Explanation, Verdicts
from tape.errors import StateError
from tape.judging.episode_kernel import COLUMNS, FLAGS
from tape.judging.episodes import Episodes, EpisodeStep, Placed
from tape.judging.kept_state import decode_kept, encode_kept
from tape.model.anomaly import DetectorIdentity, Reason
from tape.model.columns import TradeColumns
from tests.episode_oracle import NAMES, in_oracle_words, told
from tests.oracle import Trade

SECOND_NS = 1_000_000_000
NOON_NS = 1_751_976_000 * SECOND_NS
OUTCOMES = ["NEW", "LATE", "DUPLICATE"]
WHO = DetectorIdentity("1", "abc")

Judged = tuple[Trade, tuple[str, set[str]]]

STEPS = [
    0,
    1,
    400_000_000,
    SECOND_NS,
    SECOND_NS + 1,
    3 * SECOND_NS,
    1_800 * SECOND_NS,
    -2 * SECOND_NS,
    86_400 * SECOND_NS,
]
PRICES = [100_000_000_000, 100_010_000_000, 100_050_000_000, 99_000_000_000, 101_500_000_000, 4]
PRICES += [0, -4, -37_630_000_000]


def tape_of(draws: list[tuple[str, int, int, str, int]]) -> list[Judged]:
    """Trades from (symbol, step of its clock, price, outcome, rules as bits)."""
    clocks: dict[str, int] = {}
    tape = []
    for sequence, (name, step, price, outcome, bits) in enumerate(draws, start=1):
        clocks[name] = clocks.get(name, NOON_NS) + step
        dropped = outcome == "DUPLICATE"
        rules = {rule for n, rule in enumerate(NAMES) if bits >> n & 1 and not dropped}
        tape.append(((name, 1, clocks[name], price, 1, ord("B"), sequence), (outcome, rules)))
    return tape


tapes = st.lists(
    st.tuples(
        st.sampled_from("ABC"),
        st.sampled_from(STEPS),
        st.sampled_from(PRICES),
        st.sampled_from(["NEW", "NEW", "NEW", *OUTCOMES]),
        st.sampled_from([0, 0, 0, 1, 2, 4, 5, 8, 15]),
    ),
    max_size=60,
).map(tape_of)


def columns(tape: list[Judged], symbols: SymbolTable) -> tuple[TradeColumns, Verdicts]:
    """The tape as the detector hands it on."""
    trades = [trade for trade, _ in tape]
    numbers = [symbols.number(trade[0]) for trade in trades]
    rules = [sum(1 << NAMES.index(rule) for rule in fired) for _, (_, fired) in tape]
    found = np.array(rules, np.uint8)
    column = dict(enumerate(zip(*trades, strict=True))) if trades else dict.fromkeys(range(7), ())
    return (
        TradeColumns(
            np.array(numbers, np.int32),
            np.array(column[1], np.int32),
            np.array(column[2], np.int64),
            np.array(column[3], np.int64),
            np.array(column[4], np.int64),
            np.array(column[5], np.uint8),
            np.array(column[6], np.int64),
            np.zeros(len(numbers), np.int32),
        ),
        Verdicts(
            np.array([OUTCOMES.index(outcome) for _, (outcome, _) in tape], np.uint8),
            found,
            np.flatnonzero(found),
            np.zeros(0),
            np.zeros(len(tape), np.int64),
            np.zeros(len(tape), np.bool_),
        ),
    )


def why(tape: list[Judged]) -> list[Explanation]:
    """An explanation of each flagged trade; some have no priority, and several the same one."""
    found = []
    for trade, (_, fired) in tape:
        if fired:
            nth = trade[6] * 7 % 11
            reasons = [Reason(name, nth, 1, f"{name} of {trade[6]}") for name in sorted(fired)]
            extras = {"priority": nth / 2} if nth % 4 else {"severity": nth / 3}
            found.append(Explanation(reasons, extras))
    return found


def followed(
    tape: list[Judged], cuts: list[int] | None = None, *, restored: bool = False, names: str = ""
) -> tuple[list[Placed], list[EpisodeStep]]:
    """Places and steps in batches that end at the cuts, with the state kept and restored there."""

    def fresh() -> tuple[SymbolTable, Episodes]:
        symbols = SymbolTable()
        for name in names:
            symbols.number(name)
        return symbols, Episodes(symbols, 1.0, WHO)

    symbols, episodes = fresh()
    places: list[Placed] = []
    steps: list[EpisodeStep] = []
    edges = [0, *sorted(cuts or []), len(tape)]
    for start, end in itertools.pairwise(edges):
        trades, verdicts = columns(tape[start:end], symbols)
        positions = np.arange(start, start + len(trades))
        more, found = episodes.follow(trades, verdicts, why(tape[start:end]), positions)
        places += more
        steps += found
        if restored:
            kept = {n: episodes.kept(i, b"TAPE") for i, n in enumerate(symbols.names)}
            symbols, episodes = fresh()
            for name in reversed(kept):
                number = symbols.number(name)
                assert isinstance(number, int)
                assert episodes.take_up(number, kept[name]) == b"TAPE"
    return places, steps


def as_told(step: EpisodeStep) -> dict[str, Any]:
    """A step in the oracle's words."""
    words = in_oracle_words(step.value)
    assert (words["episode_id"], words["state"]) == (step.episode_id, step.state)
    assert words["mark"] == step.mark
    return {"at": step.position, **words}


@settings(deadline=None)  # the first call compiles
@given(tapes)
def test_episodes_are_those_of_the_oracle(tape: list[Judged]) -> None:
    ids, states = told((t for t, _ in tape), (a for _, a in tape))
    places, steps = followed(tape)
    assert [place.episode_id for place in places] == [name for name in ids if name is not None]
    assert [as_told(step) for step in steps] == states


def rank(place: Placed, explained: Explanation) -> float:
    """What decides which trade is worse."""
    if place.priority is None:
        return float(explained.extras["severity"])
    return place.priority


@settings(deadline=None)  # the first call compiles
@given(tapes)
def test_the_worst_trade_so_far_speaks_for_its_episode(tape: list[Judged]) -> None:
    places, steps = followed(tape)
    explained, trades = why(tape), [trade for trade, (_, fired) in tape if fired]
    so_far: dict[str, list[int]] = {}
    nth = 0
    for step in steps:
        said = json.loads(step.value)
        if said["state"] != "closed":
            so_far.setdefault(step.episode_id, []).append(nth)
            nth += 1
        worst = max(so_far[step.episode_id], key=lambda n: rank(places[n], explained[n]))
        assert (said["priority"], said["context"]) == (
            places[worst].priority,
            places[worst].context,
        )
        assert said["severity"] == explained[worst].extras.get("severity")
        assert said["publisher_id"] == trades[worst][1]
        assert (said["rule"], said["reason"]) in [
            (r.rule, r.text) for r in explained[worst].reasons
        ]
    assert nth == len(places)


@settings(deadline=None)  # the first call compiles
@given(tapes, st.lists(st.integers(0, 60), max_size=8), st.booleans())
def test_neither_batches_nor_keeping_and_restoring_matter(
    tape: list[Judged], cuts: list[int], restored: bool
) -> None:
    cuts = [min(cut, len(tape)) for cut in cuts]
    assert followed(tape, cuts, restored=restored) == followed(tape)


@settings(deadline=None)  # the first call compiles
@given(tapes)
def test_other_symbols_and_their_order_do_not_matter(tape: list[Judged]) -> None:
    together = [step.value for step in followed(tape, names="CBA")[1]]
    for name in "ABC":
        own = [one for one in tape if one[0][0] == name]
        alone = [step.value for step in followed(own)[1]]
        assert alone == [v for v in together if json.loads(v)["symbol"] == name]


def test_the_oracle_meets_every_kind_of_step_and_mark() -> None:
    """What the properties above compare is not empty."""
    dice = random.Random(5)
    draws = [
        (dice.choice("ABC"), dice.choice(STEPS), dice.choice(PRICES), "NEW", dice.choice([0, 0, 1]))
        for _ in range(2_000)
    ]
    tape = tape_of(draws)
    states = told((t for t, _ in tape), (a for _, a in tape))[1]
    assert {state["state"] for state in states} == {"opened", "extended", "closed"}
    assert {s["mark"] for s in states} == {None, "bad print", "spike", "move"}


def a_spike(*prices_cents: int, flagged: range, gap_ns: int = 10_000_000) -> list[dict[str, Any]]:
    """The messages of one symbol's trades 10 ms apart, closed by a trade five seconds later."""
    draws = [
        ("A", gap_ns, cents * 10_000_000, "NEW", 4 if n in flagged else 0)
        for n, cents in enumerate(prices_cents)
    ]
    draws.append(("A", 5 * SECOND_NS, prices_cents[-1] * 10_000_000, "NEW", 0))
    return [json.loads(step.value) for step in followed(tape_of(draws))[1]]


def test_a_bad_print_is_one_alert() -> None:
    opened, extended, closed = a_spike(10_000, 10_150, 10_200, 10_001, flagged=range(1, 3))
    assert (opened["state"], extended["state"], closed["state"]) == ("opened", "extended", "closed")
    assert closed["mark"] == "bad print"
    assert closed["text"] == (
        "2 flagged trades within 10 ms, 2 shares; price 100.00 to 102.00 (+2.00 %) "
        "and back to 100.01: a bad print, likely."
    )
    assert opened["text"] == "1 flagged trade, 1 share; price 100.00 to 101.50 (+1.50 %)."
    assert (opened["mark"], opened["price_after"]) == (None, None)


def test_sixteen_trades_that_come_back_are_a_spike_and_no_print() -> None:
    closed = a_spike(10_000, *[10_200] * 16, 10_001, flagged=range(1, 17))[-1]
    assert closed["mark"] == "spike"
    assert closed["text"].endswith("(+2.00 %) and back to 100.01: a spike, likely.")


def test_trades_that_nobody_flagged_make_a_spike_too() -> None:
    """The first of a level is flagged, the others are at the price of the one before."""
    closed = a_spike(10_000, *[10_200] * 4, 10_001, flagged=range(1, 2))[-1]
    assert (closed["flags"], closed["mark"]) == (1, "spike")


@pytest.mark.parametrize(
    ("extreme", "after", "mark"),
    [
        (10_010, 10_003, "bad print"),
        (10_009, 10_000, None),
        (10_030, 10_010, "bad print"),
        (10_030, 10_011, "spike"),
        (10_030, 10_015, "move"),
        (9_990, 10_000, "bad print"),
    ],
    ids=["10 bp", "9 bp", "a third left", "more left", "half left", "downwards"],
)
def test_a_bad_print_is_ten_basis_points_and_comes_back(
    extreme: int, after: int, mark: str | None
) -> None:
    assert a_spike(10_000, extreme, after, flagged=range(1, 2))[-1]["mark"] == mark


def test_an_episode_adds_up_its_shares_and_dollars() -> None:
    draws = [("A", 10_000_000, price * 10**9, "NEW", 4) for price in (100, 101, 102)]
    tape = tape_of([*draws, ("A", 5 * SECOND_NS, 10**11, "NEW", 0)] * 2)
    sized = [
        ((*t[:4], size, *t[5:]), a) for (t, a), size in zip(tape, [300, 20, 1] * 3, strict=False)
    ]
    closed = [json.loads(step.value) for step in followed(sized)[1] if step.state == "closed"]
    assert [(one["shares"], one["notional_usd"]) for one in closed[:1]] == [(321, 32_122.0)]
    assert closed[0]["duration_s"] == 0.02


def test_a_real_move_is_one_alert_marked_so() -> None:
    closed = a_spike(10_000, 9_900, 9_800, 9_850, flagged=range(1, 3))[-1]
    assert (closed["mark"], closed["price_after"]) == ("move", 98.5)
    assert closed["text"].endswith("98.50 afterwards: a real move, likely.")


def test_a_large_trade_at_an_ordinary_price_has_no_mark() -> None:
    closed = a_spike(10_000, 10_001, 10_000, flagged=range(1, 2))[-1]
    assert (closed["state"], closed["mark"]) == ("closed", None)
    assert closed["text"] == "1 flagged trade, 1 share; price 100.00 to 100.01 (+0.01 %)."


def test_a_misprint_of_a_quiet_stock_and_its_return_are_one_episode() -> None:
    """The rule that sees a change flags the return too, a minute later."""
    minute_ns = 60 * SECOND_NS
    opened, extended, closed = a_spike(
        10_000, 11_000, 10_000, 10_001, flagged=range(1, 3), gap_ns=minute_ns
    )
    assert [opened["state"], extended["state"], closed["state"]] == ["opened", "extended", "closed"]
    assert (closed["mark"], closed["duration_s"]) == ("bad print", 60.0)


def test_a_trade_more_than_half_an_hour_after_a_flag_is_another_event() -> None:
    late_ns = 1_801 * SECOND_NS
    told_states = a_spike(10_000, 11_000, 10_000, 10_001, flagged=range(1, 3), gap_ns=late_ns)
    assert [one["state"] for one in told_states] == ["opened", "closed", "opened", "closed"]


def test_one_wrong_clock_keeps_no_episode_open() -> None:
    hour_ns = 3_600 * SECOND_NS
    tape = tape_of([("A", hour_ns, 10, "NEW", 1), ("A", -hour_ns, 10, "NEW", 1)])
    assert [step.state for step in followed(tape)[1]] == ["opened", "closed", "opened"]


def test_a_state_from_before_episodes_is_taken_up_with_none_open() -> None:
    symbols = SymbolTable()
    number = symbols.number("A")
    assert isinstance(number, int)
    assert Episodes(symbols, 1.0, WHO).take_up(number, b"TAPE and more") == b"TAPE and more"


@pytest.mark.parametrize(
    ("at", "told_as"),
    [(0, "not a detector's"), (4, "version"), (6, "checksum"), (40, "checksum"), (-1, "truncated")],
)
def test_a_state_that_cannot_be_taken_up_is_refused_with_a_sentence(at: int, told_as: str) -> None:
    row = np.arange(COLUMNS, dtype=np.int64)
    kept = bytearray(encode_kept(row, b"{}", b"TAPE"))
    assert decode_kept(bytes(kept))[0].tolist() == row.tolist()  # type: ignore[union-attr]
    assert decode_kept(bytes(kept))[1:] == (b"{}", b"TAPE")
    kept[at] ^= 4
    bad = bytes(kept[:8]) if at == -1 else bytes(kept)
    with pytest.raises(StateError, match=told_as) as caught:
        decode_kept(bad)
    assert "\n" not in str(caught.value)


def test_a_refused_state_leaves_what_was_there() -> None:
    symbols = SymbolTable()
    episodes = Episodes(symbols, 1.0, WHO)
    tape = tape_of([("A", 0, 10, "NEW", 1)])
    episodes.follow(*columns(tape, symbols), why(tape), np.arange(1))
    kept = episodes.kept(0, b"")
    assert decode_kept(kept)[0][FLAGS] == 1  # type: ignore[index]
    with pytest.raises(StateError):
        episodes.take_up(0, kept[:60])
    assert episodes.kept(0, b"") == kept


@settings(deadline=None)  # the first call compiles
@given(st.data(), st.integers(0, 199), st.sampled_from([3_600, -3_600, 86_400, -86_400, 5]))
def test_one_wrong_stamp_splits_one_episode_at_most(
    data: st.DataObject, at: int, wrong_s: int
) -> None:
    """All episodes that the wrong stamp does not stand in are as they were."""
    flagged = data.draw(st.lists(st.sampled_from([0, 0, 0, 1]), min_size=200, max_size=200))
    tape = tape_of([("A", 300_000_000, PRICES[n % 3], "NEW", flagged[n]) for n in range(200)])
    trade, answer = tape[at]
    wrong = [*tape]
    wrong[at] = ((*trade[:2], trade[2] + wrong_s * SECOND_NS, *trade[3:]), answer)

    def last_states(of: list[Judged]) -> dict[str, tuple[int, str]]:
        states = [json.loads(step.value) for step in followed(of)[1]]
        return {state["episode_id"]: (state["flags"], state["last_ts_event"]) for state in states}

    before, after = last_states(tape), last_states(wrong)
    assert len([name for name, state in before.items() if after.get(name) != state]) <= 2
    assert len(after) - len(before) <= 2
    assert sum(flags for flags, _ in after.values()) == sum(flags for flags, _ in before.values())
