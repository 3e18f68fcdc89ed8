"""Why a record could not be read: a closed set of reasons, and the value that carries one."""

from typing import Final, Literal

import msgspec

Reason = Literal[
    # an archive as a whole
    "archive_truncated",
    "archive_corrupt",
    "archive_not_zstd",
    "archive_misnamed",
    "archive_expands_too_far",
    "header_missing",
    "header_unexpected",
    "form_unclear",
    "not_trades",
    # a row of an archive
    "row_columns",
    "row_quote",
    "row_too_long",
    "row_form",
    # a value, in a row or in a message
    "encoding",
    "number_syntax",
    "number_range",
    "price_undefined",
    "size_not_positive",
    "size_fraction",
    "symbol_unknown",
    "symbol_syntax",
    "time_syntax",
    "time_range",
    "time_zone",
    "action_unknown",
    "side_unknown",
    # a message as a whole
    "message_empty",
    "message_not_json",
    "message_shape",
    "field_missing",
    "field_type",
    "message_too_deep",
    "message_too_large",
    "partition_wrong",
    # what a store can never take
    "store_refused",
]

DETAIL_MAX: Final = 200
"""Longest `detail`, in characters; it goes into a Kafka header and a log line."""

RAW_MAX: Final = 64 * 1024
"""Most bytes of the original record that are kept; its full size and hash go with it."""

KEY_MAX: Final = 4 * 1024
"""Most bytes of its key. A key may be compressed on its way here, and as large as its sender wants:
in full it could make a record that no topic takes, and a detector that never gets past it."""


class Rejected(msgspec.Struct, frozen=True):
    """A record that could not be read, without the record itself.

    `detail` tells a person what was wrong. It names fields, positions and limits; it never quotes
    the record, because a record may hold what must not reach a log.
    """

    reason: Reason
    detail: str

    def __post_init__(self) -> None:
        """Cut what is longer than may go into a header; the end of a text matters least."""
        if len(self.detail) > DETAIL_MAX:
            msgspec.structs.force_setattr(self, "detail", self.detail[: DETAIL_MAX - 1] + "…")
