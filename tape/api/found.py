"""What was found: the messages of the pipeline, and the same as frames, pictures and counts."""

import io
import os
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from tape.api.arguments import count_of, text_of
from tape.api.books import BookedReplay, Books, RejectedRow
from tape.api.frames import needs
from tape.api.reading import Trades
from tape.api.rows import Rows, arrow_to_pandas, arrow_to_polars, html_table
from tape.archives import read_tape
from tape.desk.plots.close_up import CloseUp
from tape.desk.summary import Findings, findings, surprise
from tape.errors import BooksError, SettingsError
from tape.model.anomaly import Anomaly, decode_anomaly, verdict_begins
from tape.model.episode import Episode, decode_episode
from tape.model.fields import TIME_MAX_NS
from tape.process.whole_file import OutputFile, check_writable
from tape.settings.misspelt import nearest
from tape.sinks.episode_rows import TABLE as EPISODES
from tape.sinks.fields import TABLE as ANOMALIES
from tape.sinks.registry import check_output, file_sink
from tape.sinks.sink import Item, Sink

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa
    from matplotlib.figure import Figure

TOP_COLUMNS: Final = (
    *("ts_event", "symbol", "price", "size", "severity", "priority", "reason"),
    *("episode_id", "anomaly_id"),
)
REPORTED: Final = 5
"""Anomalies that a notebook shows of a result."""


class Found:
    """The anomalies and episodes of trades, made by `detect` and `Detector.feed`.

    Attributes:
        messages: of anomalies, in the order of the tape: what `tape replay --output x.jsonl`
            writes, a line each.
        episode_messages: the states of episodes likewise, as of `--episodes x.jsonl`.
        counts: what came in, and what became of it.
        rejected: the rows that were rejected, the first 10,000 of them.
    """

    def __init__(
        self,
        messages: list[bytes],
        episode_messages: list[bytes],
        counts: Books,
        rejected: list[RejectedRow],
        trades: Trades,
    ) -> None:
        self.messages, self.episode_messages = messages, episode_messages
        self.counts, self.rejected = counts, rejected
        self._trades = trades

    def __len__(self) -> int:
        """Return how many trades are anomalies."""
        return len(self.messages)

    def __iter__(self) -> Iterator[Anomaly]:
        """Yield the anomalies in the order of the tape."""
        return iter(self._anomalies)

    def to_arrow(self) -> "pa.Table":
        """Return the anomalies as a table of Arrow, a row each, with the reasons as a list."""
        return self._table

    def to_pandas(self) -> "pd.DataFrame":
        """Return the anomalies as a frame of pandas."""
        return arrow_to_pandas(self._table)

    def to_polars(self) -> "pl.DataFrame":
        """Return the anomalies as a frame of polars."""
        return arrow_to_polars(self._table)

    @cached_property
    def episodes(self) -> Rows:
        """Return the episodes by their last state, in the order in which they began."""
        last: dict[str, Episode] = {}
        for value in self.episode_messages:
            found = decode_episode(value)
            assert isinstance(found, Episode)  # noqa: S101 - the judge has made it
            last[found.episode_id] = found
        types = {"state": _arrow().string(), **EPISODES.types(_arrow())}
        rows = [{"state": one.state, **EPISODES.record(one)} for one in last.values()]
        names = [*EPISODES.columns, "state"]
        return Rows(_table(rows, {name: types[name] for name in names}))

    def top(self, n: int = 10) -> Rows:
        """Return the most telling anomalies, one of each episode, the most telling first."""
        return Rows(_top_table(self._telling(count_of(n, "n"))))

    def plot(self, episode_id: str) -> "Figure":
        """Return a picture of an episode: the trades around its worst one, and what was odd.

        The id of an anomaly, or how an id begins, does as well. Raises `SettingsError` if nothing
        that was found has such an id.
        """
        try:
            import matplotlib  # noqa: F401 - only whether it is there
        except ImportError:
            raise needs("matplotlib", "plot()") from None
        worst = self._named(text_of(episode_id, "episode_id", "one of found.episodes"))
        symbol = worst.trade.symbol
        own = [value for value in self.messages if _is_of(value, symbol)]
        close_up, at = CloseUp(worst.anomaly_id), 0
        for batch in read_tape(
            self._trades.archives, latest_ns=TIME_MAX_NS, symbols=frozenset({symbol})
        ):
            first = at
            for value in batch.values:
                if at < len(own) and own[at].startswith(verdict_begins(value)):
                    at += 1
            close_up.add(batch.values, own[first:at])
            if close_up.is_complete:
                break
        figure = close_up.figure()
        # a notebook shows a figure by itself only where pyplot is loaded
        setattr(figure, "_repr_png_", lambda: _png(figure))  # noqa: B010
        return figure

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        what: Literal["anomalies", "episodes"] = "anomalies",
        force: bool = False,
    ) -> None:
        """Write what was found as `tape replay` does: .jsonl, .csv or .parquet.

        A file that this program did not make is replaced only by `force`.
        """
        place = Path(path).expanduser()
        check_output(place, "save:")
        values = self.messages if what == "anomalies" else self.episode_messages
        try:
            check_writable(place, inputs=self._trades.files, force=force)
        except SettingsError as error:
            remedy = error.remedy.replace("--force", "force=True")
            raise SettingsError(error.cause, remedy) from None
        with OutputFile(place, inputs=self._trades.files, force=force) as file:
            sink: Sink = file_sink(file, place.suffix, what)
            try:
                for poison in sink.write([Item(value) for value in values]):
                    raise BooksError(
                        f"a message of ours cannot be written: {poison.reason}",
                        "nothing was written, please report this",
                    )
                sink.flush()
            finally:
                sink.close()

    def __repr__(self) -> str:
        return f"<{self._sentence()}>"

    def _repr_html_(self) -> str:
        rows = _top_table(self._telling(REPORTED))
        return f"<p>{self._sentence()}</p>{html_table(rows)}"

    def _sentence(self) -> str:
        count, begun = len(self), self.counts.episodes
        anomalies = "1 anomaly" if count == 1 else f"{count:,} anomalies"
        episodes = "1 episode" if begun == 1 else f"{begun:,} episodes"
        return f"{anomalies} in {episodes}; {self.counts}"

    def _telling(self, n: int) -> Findings:
        return findings(self.messages, n)

    @cached_property
    def _anomalies(self) -> list[Anomaly]:
        return [_decoded(value) for value in self.messages]

    @cached_property
    def _table(self) -> "pa.Table":
        rows, _ = ANOMALIES.records([Item(value) for value in self.messages])
        return _table(rows, _in_order(ANOMALIES.columns, ANOMALIES.types))

    def _named(self, wanted: str) -> Anomaly:
        """Return the worst anomaly of an episode, or the one that has this id itself."""
        for key in (_episode, _identity):
            own = [one for one in self._anomalies if key(one) == wanted]
            if own:
                return max(own, key=surprise)
        begins = [one for one in self._anomalies if _episode(one).startswith(wanted)]
        begins = begins or [one for one in self._anomalies if _identity(one).startswith(wanted)]
        if wanted and len({_episode(one) for one in begins}) == 1:
            return max(begins, key=surprise)
        if wanted and begins:
            several = len({_episode(one) for one in begins})
            raise SettingsError(
                f"{several:,} episodes begin with {wanted!r}", "write more of the id"
            )
        near = nearest(wanted, {_episode(one): None for one in self._anomalies})
        raise SettingsError(
            f"nothing that was found has the id {wanted!r}",
            f"the nearest one is {near!r}" if near else "found.episodes has the ids",
        )


def found_in(run: BookedReplay, trades: Trades) -> Found:
    """Judge trades, and return what is found."""
    messages: list[bytes] = []
    episodes: list[bytes] = []
    for shown in run.batches():
        messages += shown.flagged
        episodes += [step.value for step in shown.episodes]
    return Found(messages, episodes, run.books(), run.kept_outcome.kept, trades)


def _episode(one: Anomaly) -> str:
    return one.episode_id


def _identity(one: Anomaly) -> str:
    return one.anomaly_id


def _decoded(value: bytes) -> Anomaly:
    found = decode_anomaly(value)
    assert isinstance(found, Anomaly)  # noqa: S101 - the judge has made it
    return found


def _is_of(value: bytes, symbol: str) -> bool:
    return symbol.encode() in value and _decoded(value).trade.symbol == symbol


def _top_table(found: Findings) -> "pa.Table":
    pa = _arrow()
    rows, _ = ANOMALIES.records([Item(bytes(one)) for one in found.messages])
    for row, message in zip(rows, found.messages, strict=True):
        row["reason"] = "; ".join(reason.text for reason in _decoded(bytes(message)).reasons)
    types = {**ANOMALIES.types(pa), "reason": pa.string()}
    return _table(rows, {name: types[name] for name in TOP_COLUMNS})


def _in_order(columns: Sequence[str], types: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    known = types(_arrow())
    return {name: known[name] for name in columns}


def _table(rows: list[dict[str, Any]], types: dict[str, Any]) -> "pa.Table":
    pa = _arrow()
    return pa.Table.from_pylist(rows, schema=pa.schema(list(types.items())))


def _arrow() -> Any:
    try:
        import pyarrow
    except ImportError:
        raise needs("pyarrow", "a table of what was found") from None
    return pyarrow


def _png(figure: "Figure") -> bytes:
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    return picture.getvalue()
