"""A line of JSON as fields: the literal form; the compiled one must equal it."""

import json
import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from tape.archives.columns_file import ColumnsFile
from tape.archives.layout import KIND, NEEDED, constants_of, found_columns, not_trades
from tape.archives.reference_rows import OPTIONAL, join
from tape.codec.row_fields import NAMES
from tape.model.fields import Unreadable
from tape.model.rejected import DETAIL_MAX, Rejected

TRADE_TYPES: Final = ("0", "1", "10", "160")
"""Record types that hold trades: trades, tbbo and mbp-1, mbp-10, mbo."""

QUOTE_TYPES: Final = ("192", "193", "195", "196")
"""Quotes once a second or a minute: with price and size of the last trade, which may be old."""

BAR_TYPES: Final = ("32", "33", "34", "35", "36")
HEAD: Final = "hd"
"""Under it DataBento nests what all its records have."""

TWICE: Final = "one of its keys stands twice in it"

PLAIN_KEY: Final = re.compile(r"[A-Za-z_]\w{0,40}", re.ASCII)
LIST_OF_OBJECTS: Final = re.compile(rb"\s*\[\s*\{")

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_text = msgspec.json.Decoder(str)


class JsonFields:
    """Takes lines of JSON apart.

    DataBento nests the record's head under `hd`; lines without nesting are read, too.
    """

    def __init__(self, given: ColumnsFile | None, constants: dict[str, str]) -> None:
        self._keys: dict[str, tuple[str, ...]] = {name: (name,) for name in NAMES}
        if given is not None:
            self._keys |= {
                name: tuple(map(str, columns)) for name, columns in given.columns.items()
            }
            if given.trades is not None:
                self._keys[KIND] = (str(given.trades[0]),)
                del self._keys["action"]
        self._constants, self._needed = constants, [*NEEDED, KIND]
        keys = {key for keys in self._keys.values() for key in keys}
        self._read = frozenset(keys)
        self._quoted = {
            json.dumps(key, ensure_ascii=False).encode(): key for key in sorted({*keys, HEAD})
        }
        for name in constants:
            self._keys.pop(name, None)
        self._single = [(name, keys[0]) for name, keys in self._keys.items() if len(keys) == 1]
        self._joined = [(name, keys) for name, keys in self._keys.items() if len(keys) > 1]

    def need(self, names: Iterable[str]) -> None:
        """Make fields needed in each row, but for those that have a default.

        The instrument has none where it stands for the symbol.
        """
        usual = {*names}
        defaults = OPTIONAL if "symbol" in usual else OPTIONAL - {"instrument_id"}
        self._needed = sorted({*self._needed, *usual} - defaults)

    def __call__(self, line: bytes) -> dict[str, str]:
        """Return the fields of a line by name, none if it is not a trade.

        Raises `Unreadable`.
        """
        try:
            line.decode()  # what msgspec keeps raw it does not decode
            members = _members.decode(line)
            head = members.get("hd")
            self._refuse_twice(line)
            if head is not None:
                inner = _members.decode(head)
                if self._read.intersection(members, inner):
                    raise Unreadable("message_shape", TWICE)
                members |= inner
            fields = {
                name: _value(name, members[key]) for name, key in self._single if key in members
            }
            for name, keys in self._joined:
                if all(key in members for key in keys):
                    parts = [_value(name, members[key]).strip() for key in keys]
                    fields[name] = join(name, parts)
        except UnicodeDecodeError:
            raise Unreadable("encoding", "the row is not UTF-8") from None
        except RecursionError:  # msgspec gives up this way, outside its own errors
            raise Unreadable("message_too_deep", "nested too deep") from None
        except msgspec.ValidationError:
            raise Unreadable(
                "message_shape", "not an object with members, or `hd` is not"
            ) from None
        except (ValueError, msgspec.MsgspecError):
            raise Unreadable("message_not_json", "not one JSON object in UTF-8") from None
        if fields.get("rtype") in QUOTE_TYPES and "action" not in fields:
            return {}
        missing = [name for name in self._needed if name in self._keys and name not in fields]
        if missing and fields.get("rtype", "0") not in TRADE_TYPES:
            return {}
        if missing:
            raise Unreadable("field_missing", f"`{missing[0]}` is missing")
        return fields | self._constants if self._constants else fields

    def _refuse_twice(self, line: bytes) -> None:
        """Raise `Unreadable` if a key of a field stands twice in one object: which one counts?

        A key may be written with escapes, as no key of ours has to be.
        """
        suspects = {key for quoted, key in self._quoted.items() if line.count(quoted) > 1}
        if b"\\" in line:
            suspects = {*self._quoted.values()}
        if not suspects:
            return
        pairs = json.loads(line, object_pairs_hook=_Pairs)
        heads = [value for key, value in pairs if key == "hd"]
        for one in (pairs, *(head for head in heads if isinstance(head, _Pairs))):
            names = [key for key, _ in one if key in suspects]
            if len(set(names)) < len(names):
                raise Unreadable("message_shape", TWICE)


class _Pairs(list[tuple[str, Any]]):
    """Keys and values of an object, each as often as it stands there."""


def _value(name: str, raw: msgspec.Raw) -> str:
    """Return the text of a string or number; null stands for what is undefined."""
    text = bytes(raw).strip(b" \t\r\n")
    if text == b"null":
        return ""
    if text[:1] == b'"':
        return _text.decode(text)
    if text[:1] not in b"-0123456789":
        raise Unreadable("field_type", f"`{name}` is neither a string nor a number")
    return text.decode()


def _in_a_list(members: dict[str, msgspec.Raw]) -> Rejected | None:
    """Return that the rows of a file are in a list of its one object, as services answer."""
    for key, raw in members.items():
        if PLAIN_KEY.fullmatch(key) and LIST_OF_OBJECTS.match(bytes(raw)):
            text = f"its rows are a list under {key}: write one object per line, as `jq -c "
            return Rejected("header_unexpected", f"{text}'.{key}[]' FILE` does")
    return None


def json_reader(line: bytes, given: ColumnsFile | None, file: str) -> JsonFields | Rejected:
    """Return what takes the lines of a file apart, or by its first line why nothing does."""
    try:
        members = _members.decode(line)
        head = members.get("hd")
        head_members = {} if head is None else _members.decode(head)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        if line.lstrip()[:1] == b"[":
            text = "a JSON list: write one object per line, as `jq -c '.[]' FILE` does"
            return Rejected("header_unexpected", text)
        return Rejected(
            "header_missing", "the first line is not a JSON object: write one object per line"
        )
    constants = constants_of(given, file)
    if isinstance(constants, Rejected):
        return constants
    names = [*members, *head_members]
    fields = JsonFields(given, constants)
    rtype = bytes(head_members.get("rtype", members.get("rtype", msgspec.Raw()))).decode()
    if rtype in BAR_TYPES:
        return not_trades(["open", "high", "low", "close"]) or fields
    if rtype in QUOTE_TYPES and "action" not in members:
        return not_trades(["bid", "ask"]) or fields
    try:
        fields(line)
    except Unreadable as unreadable:
        if unreadable.rejected.reason == "field_missing" and "hd" not in members:
            other = not_trades(names) or _in_a_list(members)
            text = f"{unreadable.rejected.detail}; {found_columns(names)}"
            return other or Rejected("header_missing", text[:DETAIL_MAX])
    return fields
