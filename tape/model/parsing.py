"""JSON of anybody's making into a typed value, or a reason why not."""

from typing import TypeVar

import msgspec

from tape.model.fields import Unreadable
from tape.model.rejected import Reason, Rejected

T = TypeVar("T")


def parsed(decoder: "msgspec.json.Decoder[T]", raw: bytes) -> T:
    """Return what a decoder makes of bytes.

    Raises:
        Unreadable: with the reason, whatever the bytes; the detail names fields and types, and
            never quotes the bytes.
    """
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        _require_json(raw)  # a wrong shape is said only of what is JSON at all
        raise Unreadable(*_shape_fault(str(error))) from None
    except RecursionError:  # msgspec gives up on deep nesting this way, outside its own errors
        raise Unreadable("message_too_deep", "nested too deep") from None
    except (ValueError, msgspec.MsgspecError):  # invalid UTF-8 is a ValueError, not a MsgspecError
        raise Unreadable("message_not_json", "not one JSON document in UTF-8") from None


def read_message(decoder: "msgspec.json.Decoder[T]", raw: bytes | None, most: int) -> T | Rejected:
    """Return what a decoder makes of a message's value, or the reason there is none; never raises.

    Args:
        decoder: of the value's type.
        raw: the value; None is a message without one.
        most: bytes that are read.
    """
    if not raw:
        return Rejected("message_empty", "the message has no value")
    if len(raw) > most:
        return Rejected("message_too_large", f"{len(raw)} bytes, at most {most} are read")
    try:
        return parsed(decoder, raw)
    except Unreadable as unreadable:
        return unreadable.rejected


def _require_json(raw: bytes) -> None:
    try:
        msgspec.json.decode(raw)
    except RecursionError:
        raise Unreadable("message_too_deep", "nested too deep") from None
    except (ValueError, msgspec.MsgspecError):
        raise Unreadable("message_not_json", "not one JSON document in UTF-8") from None


def _shape_fault(text: str) -> tuple[Reason, str]:
    """Sort msgspec's words on a wrong shape; they name fields and types, never values."""
    if "missing required field" in text:
        return "field_missing", text
    if "`$." in text:
        return "field_type", text
    return "message_shape", text
