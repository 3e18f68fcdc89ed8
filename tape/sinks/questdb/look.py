"""What lies in QuestDB's tables now, for people: how much, and what is to be looked at first."""

from contextlib import closing
from typing import Any, Final

from tape.process.clock import CLOCK
from tape.sinks.postgres.session import Place
from tape.sinks.questdb.session import QuestSession
from tape.sinks.questdb.tables import SEEN_S, unseen

COUNTED: Final = ("anomalies", "episodes", "rejected", "trades")
TOP: Final = """
select symbol, to_str(ts_event, 'yyyy-MM-dd HH:mm:ss.SSSUUU'), price, size, rules, reason
  from {table}
 order by coalesce(priority, -1.0) desc, ts_event
 limit {top}
"""


def look(place: Place, *, top: int = 5) -> tuple[dict[str, int], list[tuple[Any, ...]]]:
    """Return rows by table, and the first few anomalies.

    Each of these has symbol, time in UTC, price, size, rules and the first reason. Raises
    `StoreError` or `SinkBusyError`.
    """
    with closing(QuestSession(place)) as session, session.work() as connection:
        until_s = CLOCK.now_s() + SEEN_S
        while unseen(connection, session) and CLOCK.now_s() < until_s:
            CLOCK.sleep(0.05)
        rows = {}
        for name in COUNTED:
            asked = f"select count(*) from {session.table(name)}"
            found = connection.execute(asked.encode()).fetchone()
            rows[name] = 0 if found is None else int(found[0])
        question = TOP.format(table=session.table("anomalies"), top=top)
        first = connection.execute(question.encode()).fetchall()
    return rows, [(*row[:4], str(row[4]).split(","), row[5]) for row in first]
