"""The calibrated profile over a batch of trades of any symbols, in one compiled call."""

from typing import Any

from tape.codec.array_types import F64, I64, U8
from tape.codec.compiling import part_of_callers, uncounted
from tape.detection.calibrated.batch import Answers, Scratch, Setting
from tape.detection.calibrated.budget import note_alert, note_passing
from tape.detection.calibrated.facts import OTHER_FACTS, tell, write_band
from tape.detection.calibrated.features import features
from tape.detection.calibrated.halts import SESSION, note_time
from tape.detection.calibrated.price_features import LEAST_HELD, usual_distance
from tape.detection.calibrated.priority import priority_of
from tape.detection.calibrated.state import (
    DISTANCE,
    DOUBTED,
    DOUBTED_TIME,
    FAMILIES,
    HELD,
    LIMIT,
    LOCAL,
    OF_FEED,
    OF_PRICE,
    OF_SIZE,
    REOPENED,
    USUAL_SIZE,
    CalibratedState,
)
from tape.detection.calibrated.stopwatch import note_since, now_ns
from tape.detection.calibrated.symbol_tails import KEEP, REFIT_EVERY, begin, judged, refit
from tape.detection.duplicates import ACCEPTED, outcome_of
from tape.detection.protocol import DUPLICATE, Columns
from tape.market.day import AUCTION_SHARES, CLOSING_AUCTION, NO_SIDE, OPENING_AUCTION, REOPENING
from tape.model.rules import CALIBRATED

CALIBRATED_BIT = CALIBRATED.bit
"""A plain integer, which is what compiled code can take."""


@part_of_callers
def _answered(i: int, levels: F64, scratch: Scratch, out: Answers) -> Any:
    """Write what is said of every trade; return the family that goes farthest above its limit.

    -1 if none reaches it.
    """
    families = scratch.families
    out.priorities[i] = priority_of(
        families[OF_PRICE], families[OF_SIZE], families[OF_FEED], scratch.values[DISTANCE]
    )
    flagged = -1
    most = 0.0
    for family in range(FAMILIES):
        out.families[i, family] = families[family]
        above = families[family] - levels[LIMIT + family]
        if above >= most:
            flagged = family
            most = above
    return flagged


@part_of_callers
def _can_compare(counters: I64) -> Any:
    """Return whether there are prices of this session that the next one can be held against."""
    return counters[HELD] >= LEAST_HELD and counters[DOUBTED] != SESSION


@part_of_callers
def _is_auction(kind: int, i: int, t: Columns, counters: I64) -> bool:
    """Return whether a trade is the print of an auction, one that ends a halt among them."""
    if kind == REOPENING:
        first = t.ts_event_ns[i] in (counters[REOPENED], counters[DOUBTED_TIME])
        return first and t.side[i] == NO_SIDE and t.size[i] >= AUCTION_SHARES
    return kind in (OPENING_AUCTION, CLOSING_AUCTION)


@uncounted
def detect_calibrated(
    t: Columns,
    context: U8,
    day: I64,
    passed: F64,
    setting: Setting,
    state: CalibratedState,
    scratch: Scratch,
    out: Answers,
) -> int:
    """Judge all trades of a batch; return how many are flagged."""
    found = 0
    tells_each = out.bands.shape[0] > 0
    for i in range(t.symbol.shape[0]):
        row = t.symbol[i]
        time_ns = t.ts_event_ns[i]
        outcome, behind_ns, shared = outcome_of(state, t, i)
        out.outcome[i] = outcome
        out.behind_ns[i] = behind_ns
        out.shared[i] = shared
        out.rules[i] = 0
        out.scores[i] = -1.0
        out.priorities[i] = -1.0
        for family in range(FAMILIES):
            out.families[i, family] = 0.0
        if outcome >= DUPLICATE:
            continue
        state.dirty[row, 0] = 1
        counters = state.counters[row]
        levels = state.levels[row]
        if counters[ACCEPTED] == 0:
            begin(row, state, setting, scratch.counts)
        counters[ACCEPTED] += 1
        out.scores[i] = 0.0
        out.priorities[i] = 0.0
        kind, share, passed_ns = note_time(state, row, day[i], passed[i], time_ns, context[i])
        first = setting.budget_of[row]
        budgets = setting.budgets[first : first + FAMILIES]
        note_passing(levels, counters, share, budgets)
        if tells_each:
            out.contexts[i] = kind
        if not _is_auction(kind, i, t, counters):
            usual = levels[USUAL_SIZE]
            compared = tells_each and _can_compare(counters)
            distance = usual_distance(levels, t.price_nanos[i] / 1e9) if compared else 0.0
            mean = features(row, i, t, passed_ns, state, scratch.values)
            if counters[ACCEPTED] > LOCAL:
                out.scores[i] = judged(row, t.publisher_id[i], state, scratch)
                flagged = _answered(i, levels, scratch, out)
                if compared:
                    write_band(state.fits[row], mean, distance, out.bands[i])
                if flagged >= 0:
                    out.rules[i] = CALIBRATED_BIT
                    out.flagged[found] = i
                    facts = out.facts[found]
                    tell(row, t.publisher_id[i], state, scratch, facts, flagged)
                    facts[OTHER_FACTS] = mean
                    facts[OTHER_FACTS + 1] = usual
                    facts[OTHER_FACTS + 8] = kind
                    facts[OTHER_FACTS + 9] = out.priorities[i]
                    found += 1
                    for family in range(FAMILIES):
                        told = scratch.families[family]
                        if told >= levels[LIMIT + family]:
                            note_alert(levels, counters, family, told, budgets[family])
        if counters[ACCEPTED] % REFIT_EVERY == 0:  # whatever this trade is, an auction too
            start_ns = now_ns(scratch.watch)
            refit(row, state, setting, scratch.counts, KEEP)
            note_since(scratch.watch, start_ns)
    return found
