"""Text eight bytes at a time: loads, digits and times as 64-bit words (little-endian)."""

from typing import Any

import numba.core.types as nt
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.core.cgutils import create_struct_proxy

from tape.codec.compiling import compiled, inlined, intrinsic
from tape.codec.text import BAD, MONTH_DAYS, MONTH_STARTS, scan_digits
from tape.model.fields import NANOS, TIME_MAX_NS, TIME_MIN_NS

U8 = npt.NDArray[np.uint8]
U64 = npt.NDArray[np.uint64]

PADDING = 32
"""Bytes that must be readable behind the last position that is asked for."""

W8, W16, W32 = np.uint64(8), np.uint64(16), np.uint64(32)
ZEROS = np.uint64(0x3030303030303030)
ABOVE_NINE = np.uint64(0x4646464646464646)
TOP_BITS = np.uint64(0x8080808080808080)
"""Eight ASCII zeros; what carries a byte above nine into its top bit; eight top bits."""
NONE = np.uint64(0)
ONE, TEN = np.uint64(1), np.uint64(10)
LOW_BYTES = np.uint64(0x000000FF000000FF)
BY_100 = np.uint64(0x000F424000000064)
BY_1 = np.uint64(0x0000271000000001)
"""Factors that turn pairs of digits into one number of eight (D. Lemire's method)."""
DATE_TAIL = np.uint64(0xFFFFFF)
MINUTE_MARKS, MINUTE_COLONS = np.uint64(0x0000FF0000FF0000), np.uint64(0x00003A00003A0000)


@intrinsic
def _load64(typing: Any, data: Any, at: Any) -> Any:
    """Load eight bytes from any position, whatever its alignment."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = create_struct_proxy(signature.args[0])(context, builder, arguments[0])  # type: ignore[no-untyped-call]
        place = builder.gep(array.data, [arguments[1]])
        word = builder.bitcast(place, ir.IntType(64).as_pointer())
        return builder.load(word, align=1)

    return nt.uint64(data, nt.intp), generate


@inlined
def load64(data: U8, at: int) -> np.uint64:
    """Return the eight bytes from a position on, the first one lowest."""
    return _load64(data, at)  # type: ignore[no-any-return]


@intrinsic
def _store64(typing: Any, data: Any, at: Any, word: Any) -> Any:
    """Store eight bytes at any position, whatever its alignment."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = create_struct_proxy(signature.args[0])(context, builder, arguments[0])  # type: ignore[no-untyped-call]
        place = builder.gep(array.data, [arguments[1]])
        builder.store(arguments[2], builder.bitcast(place, ir.IntType(64).as_pointer()), align=1)
        return context.get_dummy_value()

    return nt.void(data, nt.intp, nt.uint64), generate


@inlined
def put(out: U8, at: int, data: U8, start: int, end: int) -> int:
    """Copy bytes in words and return the position behind them; up to seven more are touched."""
    length = end - start
    for n in range(0, length, 8):
        _store64(out, at + n, load64(data, start + n))
    return at + length


@inlined
def signed(word: np.unsignedinteger[Any]) -> int:
    """Return an unsigned number as a signed one: Numba adds the two kinds as rounded floats."""
    return np.int64(word)  # type: ignore[return-value]


@inlined
def eight_digits(word: np.uint64) -> int:
    """Return the number that eight digits make, or BAD (D. Lemire's word-wise conversion)."""
    digits = word - ZEROS
    if ((word + ABOVE_NINE) | digits) & TOP_BITS != NONE:
        return BAD
    pairs = digits * TEN + (digits >> W8)
    high = (pairs & LOW_BYTES) * BY_100
    low = ((pairs >> W16) & LOW_BYTES) * BY_1
    return signed((high + low) >> W32)


@inlined
def _pair(data: U8, at: int) -> int:
    """Return the number of two digits, or a number above 99."""
    tens, units = data[at] - np.uint8(48), data[at + 1] - np.uint8(48)
    return signed(tens) * 10 + signed(units) if tens <= 9 and units <= 9 else 100


@compiled
def _day_start(data: U8, at: int) -> int:
    """Return the nanoseconds of the midnight that begins the day YYYY-MM-DDT, or BAD."""
    if data[at + 4] != 45 or data[at + 7] != 45 or data[at + 10] != 84:
        return BAD
    year, month, day = scan_digits(data, at, 4), _pair(data, at + 5), _pair(data, at + 8)
    if year < 2000 or year > 2099 or month < 1 or month > 12:
        return BAD
    leap = year % 4 == 0  # without exception in these years
    if day < 1 or day > MONTH_DAYS[month] + (1 if leap and month == 2 else 0):
        return BAD
    days = 10_957 + (year - 2000) * 365 + (year - 1997) // 4 + MONTH_STARTS[month] + day - 1
    days += 1 if leap and month > 2 else 0
    return int(days * 86_400 * NANOS)


@inlined
def time_ns(data: U8, at: int, last_day: U64) -> int:
    """Return nanoseconds of the 30 bytes YYYY-MM-DDTHH:MM:SS.nnnnnnnnnZ, or BAD.

    `last_day` remembers the text of the day read last, and its midnight: most times of a batch
    share it.
    """
    head, tail = load64(data, at), load64(data, at + 8) & DATE_TAIL
    if head != last_day[0] or tail != last_day[1]:
        midnight = _day_start(data, at)
        if midnight == BAD:
            return BAD
        last_day[0], last_day[1], last_day[2] = head, tail, np.uint64(midnight)
    if load64(data, at + 11) & MINUTE_MARKS != MINUTE_COLONS:
        return BAD
    hour, minute, second = _pair(data, at + 11), _pair(data, at + 14), _pair(data, at + 17)
    first = data[at + 20] - np.uint8(48)
    nanos = eight_digits(load64(data, at + 21))
    if hour > 23 or minute > 59 or second > 59 or first > 9 or nanos == BAD:
        return BAD
    if data[at + 19] != 46 or data[at + 29] != 90:
        return BAD
    seconds = (hour * 60 + minute) * 60 + second
    ns = signed(last_day[2]) + seconds * NANOS + signed(first) * 100_000_000 + nanos
    return ns if TIME_MIN_NS <= ns < TIME_MAX_NS else BAD
