"""What lies in the tables now, for people: how much, and what is to be looked at first."""

from dataclasses import dataclass
from typing import Any, Final

from tape.sinks.postgres.session import Place, Session

COUNTED: Final = ("anomalies", "episodes", "bars", "reviews", "rejected", "trades")
TOP: Final = """
select symbol, to_char(ts_event, 'YYYY-MM-DD HH24:MI:SS.US'), price, size, rules,
       reasons -> 0 ->> 'text'
  from anomalies
 order by priority desc nulls last, ts_event
 limit %s
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """Rows by table, and the first few anomalies.

    Each of these has symbol, time in UTC, price, size, rules and the first reason.
    """

    rows: dict[str, int]
    top: list[tuple[Any, ...]]


def look(place: Place, *, top: int = 5) -> Seen:
    """Return what lies in a schema; raises `StoreError` or `SinkBusyError`."""
    session = Session(place)
    try:
        with session.work() as connection:
            rows = {}
            for name in COUNTED:
                found = connection.execute(f"select count(*) from {name}".encode()).fetchone()
                rows[name] = 0 if found is None else int(found[0])
            return Seen(rows, connection.execute(TOP.encode(), [top]).fetchall())
    finally:
        session.close()
