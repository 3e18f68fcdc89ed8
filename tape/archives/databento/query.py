"""What is bought: a stretch of one dataset's trades, and how a job is known to hold it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import msgspec

Encoding = Literal["dbn", "csv"]
Schema = Literal["trades", "tbbo", "mbp-1", "mbp-10", "mbo"]
SYMBOLS_MAX = 2_000
"""Symbols that DataBento takes in one request."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


JobId = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,199}\Z")]
Words = Annotated[str, msgspec.Meta(pattern=r"\A[^\x00-\x1f\x7f-\x9f]*\Z")]
"""Text without control characters: what the service tells goes to a terminal."""


class JobSummary(msgspec.Struct, frozen=True):
    """A line of `list_jobs`: all that it will return in future."""

    id: JobId
    state: Words
    ts_received: Words = ""


class JobDetails(msgspec.Struct, frozen=True):
    """What `get_job_details` and `submit_job` tell of a job, as far as it is used here."""

    id: JobId
    state: Words = ""
    ts_received: Words = ""
    dataset: Words = ""
    schema: Words = ""
    symbols: Words | list[Words] = ""
    stype_in: Words = ""
    start: Words | int = ""
    end: Words | int | None = None
    encoding: Words = ""
    compression: Words | None = None
    pretty_px: bool = False
    pretty_ts: bool = False
    map_symbols: bool = False
    split_symbols: bool = False
    split_duration: Words | None = None
    limit: int | None = None
    cost_usd: float | None = None
    actual_size: int | None = None
    progress: float | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """Trades to buy; `start` is included, `end` is not, both UTC."""

    dataset: str
    symbols: tuple[str, ...]
    start: datetime
    end: datetime
    schema: Schema = "trades"
    encoding: Encoding = "dbn"

    def metadata_form(self) -> dict[str, str]:
        """Return the fields that the questions for cost and size take."""
        return {
            "dataset": self.dataset,
            "symbols": ",".join(self.symbols),
            "schema": self.schema,
            "start": iso(self.start),
            "end": iso(self.end),
            "stype_in": "raw_symbol",
            "stype_out": "instrument_id",
        }

    def job_form(self) -> dict[str, str]:
        """Return the fields of a job: a zstd file a day, text with all that makes it readable."""
        text = str(self.encoding == "csv").lower()
        return self.metadata_form() | {
            "encoding": self.encoding,
            "compression": "zstd",
            "pretty_px": text,
            "pretty_ts": text,
            "map_symbols": text,
            "split_symbols": "false",
            "split_duration": "day",
            "delivery": "download",
        }

    def is_of(self, job: JobDetails) -> bool:
        """Return whether a job holds exactly this, in exactly this form."""
        text = self.encoding == "csv"
        symbols = job.symbols.split(",") if isinstance(job.symbols, str) else job.symbols
        return (
            (job.dataset, job.schema, job.encoding) == (self.dataset, self.schema, self.encoding)
            and {symbol.strip() for symbol in symbols} == set(self.symbols)
            and (_same(job.start, self.start) and _same(job.end, self.end))
            and job.stype_in == "raw_symbol"
            and (job.pretty_px, job.pretty_ts, job.map_symbols) == (text, text, text)
            and (job.compression, job.split_duration) == ("zstd", "day")
            and (job.split_symbols, job.limit) == (False, None)
        )

    def __str__(self) -> str:
        names = ", ".join(self.symbols[:5])
        more = f" and {len(self.symbols) - 5:,} more" if len(self.symbols) > 5 else ""
        return (
            f"{self.dataset} {self.schema} of {names}{more}, {iso(self.start)} to "
            f"{iso(self.end)} (not included), {self.encoding}"
        )


def iso(at: datetime) -> str:
    """Return a time as the service and people read it; midnight as the bare day.

    >>> iso(datetime(2024, 11, 26, tzinfo=UTC)), iso(datetime(2024, 11, 26, 14, 30, tzinfo=UTC))
    ('2024-11-26', '2024-11-26T14:30:00+00:00')
    """
    utc = at.astimezone(UTC)
    midnight = (utc.hour, utc.minute, utc.second, utc.microsecond) == (0, 0, 0, 0)
    return utc.date().isoformat() if midnight else utc.isoformat()


def as_utc(text: str) -> datetime:
    """Return a day or time in ISO 8601, UTC where no zone is given; raises `ValueError`."""
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _same(told: str | int | None, at: datetime) -> bool:
    if told is None:
        return False
    try:
        if isinstance(told, int) or told.isdecimal():
            return int(told) == (at - EPOCH) // timedelta(microseconds=1) * 1_000
        return as_utc(told) == at
    except ValueError:
        return False
