"""A line of JSON as DataBento's fields: the literal form; the compiled one must equal it."""

from typing import Final

import msgspec

from tape.archives.plain_fields import NAMES
from tape.rejected import Rejected
from tape.trade_fields import Unreadable

TRADE_TYPES: Final = ("0", "1", "10", "160")
"""Record types that hold trades: trades, tbbo and mbp-1, mbp-10, mbo."""

OPTIONAL: Final = ("depth", "symbol")
"""Orders have no depth; without `map_symbols` there is no symbol."""

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_text = msgspec.json.Decoder(str)


def json_fields(line: bytes) -> dict[str, str]:
    """Return the fields of a line by name, none if it is about no trade; raises `Unreadable`.

    DataBento nests the record's head under `hd`; lines without nesting are read, too.
    """
    try:
        line.decode()  # what msgspec keeps raw it does not decode
        members = _members.decode(line)
        head = members.get("hd")
        if head is not None:
            members |= _members.decode(head)
        fields = {name: _value(name, members[name]) for name in NAMES if name in members}
    except UnicodeDecodeError:
        raise Unreadable("encoding", "the row is not UTF-8") from None
    except RecursionError:  # msgspec gives up this way, outside its own errors
        raise Unreadable("message_too_deep", "nested too deep") from None
    except msgspec.ValidationError:
        raise Unreadable("message_shape", "not an object with members, or `hd` is not") from None
    except (ValueError, msgspec.MsgspecError):
        raise Unreadable("message_not_json", "not one JSON object in UTF-8") from None
    missing = [name for name in NAMES if name not in fields and name not in OPTIONAL]
    if missing and fields.get("rtype", "0") not in TRADE_TYPES:
        return {}
    if missing:
        raise Unreadable("field_missing", f"`{missing[0]}` is missing")
    return fields


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


def has_symbols(line: bytes) -> bool | Rejected:
    """Return whether a file's rows name their symbols, by its first line, or why it is none.

    What a live session puts first (mappings, status) names no symbol and says nothing of rows.
    """
    try:
        members = _members.decode(line)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return Rejected("header_missing", "the first line is not a JSON object")
    if "hd" not in members and "ts_event" not in members:
        return Rejected("header_unexpected", "the first line has neither `hd` nor `ts_event`")
    return "symbol" in members or "action" not in members
