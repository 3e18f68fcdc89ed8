"""A file's layout and form as compiled code has them."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tape.archives.layout import KIND, Layout
from tape.archives.reference_rows import OTHERS
from tape.codec.eight_bytes import PADDING
from tape.codec.forms import ISO, Form
from tape.codec.row_fields import IS_SIDE, NAMES
from tape.codec.text import BAD, I64, U8
from tape.codec.values import iso_ns
from tape.codec.values_scanner import NO_OFFSETS, Offsets, offsets_around
from tape.model.fields import NANOS, Unreadable


class Plan(NamedTuple):
    """A file's layout and form as compiled code has them.

    `at` is where fields stand, BAD for none; `units` are the powers of ten of times' units, BAD
    for texts; `kinds` and `sides` are by the code's one byte; `no_side` is the side where that is
    empty, 0 where it must be read literally.
    """

    delimiter: int
    columns: int
    least: int
    mark: int
    power: int
    bound: int
    midnight_s: int
    kind_at: int
    at: I64
    units: I64
    defaults: I64
    kinds: npt.NDArray[np.bool_]
    sides: U8
    no_side: int
    symbol: U8
    symbol_length: int
    offsets: Offsets


def plan_for(layout: Layout, form: Form, first_time: str) -> Plan | None:
    """Return the plan for a file, None if all of it must be read literally.

    The zone's offsets are those around `first_time`.
    """
    if any(len(at) > 1 for at in layout.at.values()) or "ts_event" in layout.constants:
        return None
    sides = np.where(IS_SIDE, np.arange(256), 0).astype(np.uint8)
    if form.sides:
        if OTHERS in form.sides:
            sides[:] = ord(form.sides[OTHERS])
        for code, side in form.sides.items():
            if len(code) == 1 and code.isascii():
                sides[ord(code)] = ord(side)
    kinds = np.zeros(256, np.bool_)
    for kind in form.kinds or ():
        if len(kind) == 1 and kind.isascii():
            kinds[ord(kind)] = True
    time, symbol = form.times["ts_event"], layout.constants.get("symbol", "").encode()
    defaults = np.array([form.defaults.get(name, 0) for name in NAMES], np.int64)
    units = [form.times[name].unit_ns for name in ("ts_recv", "ts_event")]
    return Plan(
        ord(layout.delimiter),
        layout.columns,
        1 + max(at[0] for at in layout.at.values()),
        ord("," if form.price.comma else "."),
        form.price.power,
        form.price.bound,
        BAD if time.midnight_s is None else time.midnight_s,
        layout.at.get(KIND, (BAD,))[0],
        np.array([layout.at.get(name, (BAD,))[0] for name in NAMES], np.int64),
        np.array([BAD if one == ISO else len(str(one)) - 1 for one in units], np.int64),
        defaults,
        kinds,
        sides,
        0 if form.sides else 78,
        np.frombuffer(symbol + b"\0" * (PADDING + 80), np.uint8),
        len(symbol),
        _offsets(form, first_time),
    )


def _offsets(form: Form, first_time: str) -> Offsets:
    time = form.times["ts_event"]
    if time.zone is None:
        return NO_OFFSETS
    if time.midnight_s is not None:
        return offsets_around(time.zone, time.midnight_s)
    try:
        return offsets_around(time.zone, iso_ns(first_time, "ts_event", "UTC") // NANOS)
    except Unreadable:
        return NO_OFFSETS
