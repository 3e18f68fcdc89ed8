"""The file of a ranking: JSON that explains itself, written by `tape learn`, read at each start.

Nothing in it is a program. A digest over all of it says whether it is as it was written.
"""

import hashlib
import math
from typing import Final

import msgspec

from tape.detection.ranking import NUMBERS, Ranking, Weight
from tape.process.origin import RANKING_MADE_BY

VERSION: Final = 1
"""Of what the numbers mean and how they are counted; goes up when either changes."""


class Learnt(msgspec.Struct, frozen=True):
    """What a ranking was learnt from: alerts with an answer, and their days in New York."""

    alerts: int
    confirmed: int
    dismissed: int
    days: list[str]


class HeldOut(msgspec.Struct, frozen=True):
    """How it did on the latest days, learnt from the earlier ones only."""

    days: list[str]
    alerts: int
    confirmed: int
    average_precision: float
    average_precision_of_priority: float


class Suppression(msgspec.Struct, frozen=True):
    """What is suppressed, as `tape.detection.ranking.Ranking` has it.

    `below` is None where nothing is. `dismissed` counts the reviewed alerts that would be, each
    ranked by what other days teach; none of them was confirmed.
    """

    below: float | None
    kinds: list[tuple[str, str]]
    up_to_priority: float
    dismissed: int


class NumberWeight(msgspec.Struct, frozen=True):
    """A weight as `tape.detection.ranking.Weight` has it, its number's unit, and what it means."""

    name: str
    unit: str
    weight: float
    mean: float
    deviation: float
    least: float
    most: float
    text: str


class RankingFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of the file; `explained` says in words how like alerts were answered."""

    ranking: str
    version: int
    learnt_from: Learnt
    held_out: HeldOut
    explained: list[str]
    suppressed: Suppression
    bias: float
    numbers: list[NumberWeight]
    sha256: str = ""


class _Head(msgspec.Struct, frozen=True):
    """By which it is known whether it is one of ours."""

    ranking: str = ""
    version: int = 0


class WrongRankingError(ValueError):
    """Bytes that are no ranking of this version; the text says what they are."""


def encode_ranking(content: RankingFile) -> bytes:
    """Return the bytes of a file, its digest filled in."""
    whole = msgspec.structs.replace(content, sha256=_digest(content))
    return msgspec.json.format(msgspec.json.encode(whole), indent=2) + b"\n"


def decode_ranking(raw: bytes) -> Ranking:
    """Return the ranking in a file's bytes; raises `WrongRankingError`."""
    try:
        head = msgspec.json.decode(raw, type=_Head)
    except msgspec.ValidationError:  # JSON, but of another shape
        head = _Head()
    except (ValueError, RecursionError, msgspec.MsgspecError):
        raise WrongRankingError("damaged, or no JSON") from None
    if head.ranking != RANKING_MADE_BY:
        raise WrongRankingError("not a file of `tape learn`")
    if head.version != VERSION:
        raise WrongRankingError(
            f"of version {head.version}, and this program reads version {VERSION}"
        )
    try:
        found = msgspec.json.decode(raw, type=RankingFile)
    except (ValueError, msgspec.MsgspecError) as error:
        raise WrongRankingError(f"damaged ({error})") from None
    if found.sha256 != _digest(found):
        raise WrongRankingError("damaged or changed by hand: its digest does not fit")
    weights = tuple(
        Weight(one.name, one.weight, one.mean, one.deviation, one.least, one.most)
        for one in found.numbers
    )
    if not all(one.name in NUMBERS and _can_be(one) for one in weights):
        raise WrongRankingError("damaged: a number in it cannot be")
    cut = found.suppressed
    kinds = frozenset(cut.kinds)
    return Ranking(found.bias, weights, cut.below, kinds, cut.up_to_priority, found.sha256)


def _digest(content: RankingFile) -> str:
    """Return the SHA-256 of what is in a file but the digest, however it is laid out."""
    bare = msgspec.structs.replace(content, sha256="")
    return hashlib.sha256(msgspec.json.encode(bare)).hexdigest()


def _can_be(one: Weight) -> bool:
    numbers = (one.weight, one.mean, one.deviation, one.least, one.most)
    return all(map(math.isfinite, numbers)) and one.deviation > 0.0 and one.least <= one.most
