"""The board *Quality*: whether what is flagged is worth it, and still means what it says."""

from typing import Final

from monitoring.grafana.panels import Board, Panel, promql, sql
from monitoring.grafana.pipeline import JOB

BUDGET: Final = sql("""
    select to_timestamp($__timeGroup(bar_start, $__interval)) as time,
    10000.0 * sum(flagged)::float / nullif(sum(trades), 0) as flagged, $budget::float as budget
    from $schema.bars
    where bar_s = 1 and $__timeFilter(bar_start)
    group by 1
    order by 1
""")
OVER_BUDGET: Final = sql("""
    select symbol, sum(trades) as trades, sum(flagged) as flagged,
    10000.0 * sum(flagged)::float / nullif(sum(trades), 0) as "per 10,000",
    (sum(trades) * $budget / 10000.0)::float as "budget allows"
    from $schema.bars
    where bar_s = 1 and $__timeFilter(bar_start)
    group by symbol
    order by sum(flagged) - sum(trades) * $budget / 10000.0 desc, symbol
    limit 50
""")
BY_SEVERITY: Final = sql("""
    with shown as (select severity from $schema.anomalies where $__timeFilter(ts_event)),
    judged as (select sum(trades) as trades from $schema.bars
    where bar_s = 1 and $__timeFilter(bar_start))
    select level as "severity at least",
    (select count(*) from shown where severity >= level) as flagged,
    (select trades * power(10::float, -level) from judged) as meant
    from generate_series(2, 7) as level
    order by 1
""")
OUTSIDE: Final = sql("""
    select to_timestamp($__timeGroup(bar_start, $__interval)) as time,
    avg((close < lower or close > upper)::int)::float as outside
    from $schema.bars
    where bar_s = 1 and lower is not null and upper is not null and $__timeFilter(bar_start)
    group by 1
    order by 1
""")
BY_KIND: Final = sql("""
    select coalesce(e.rule, 'not known') as kind, count(*) filter (where r.state = 'escalated') as
    confirmed, count(*) filter (where r.state = 'dismissed') as dismissed,
    count(*) filter (where r.state in ('open', 'acknowledged')) as "no answer yet",
    (count(*) filter (where r.state = 'escalated'))::float
    / nullif(count(*) filter (where r.state in ('escalated', 'dismissed')), 0) as "share confirmed"
    from $schema.reviews as r left join $schema.episodes as e using (episode_id)
    where $__timeFilter(r.decided_at)
    group by 1
    order by 2 desc, 1
""")
BY_REASON: Final = sql("""
    select state as decision, reason, count(*) as episodes
    from $schema.reviews
    where $__timeFilter(decided_at)
    group by 1, 2
    order by 3 desc, 1, 2
""")
DECIDED: Final = sql("""
    select to_timestamp($__timeGroup(decided_at, $__interval)) as time, state as metric,
    count(*)::float as value
    from $schema.review_steps
    where $__timeFilter(decided_at)
    group by 1, 2
    order by 1, 2
""")
OPEN: Final = sql("""
    select e.ts_first as time, e.symbol, e.priority, e.rule, coalesce(e.reason, e.text) as reason,
    e.episode_id as episode
    from $schema.episodes as e left join $schema.reviews as r using (episode_id)
    where $__timeFilter(e.ts_first) and coalesce(r.state, 'open') = 'open'
    order by e.priority desc nulls last, e.ts_first
    limit 100
""")
SCORED: Final = f"sum by (detector) (rate(tapewatch_scored_trades_total{JOB}[$__rate_interval]))"


def severe(level: int) -> str:
    """Return the trades a second with at least a severity, by detector."""
    wanted = f'{{job="tapewatch", severity="{level}"}}'
    return f"sum by (detector) (rate(tapewatch_severe_trades_total{wanted}[$__rate_interval]))"


LEVELS: Final = (2, 3, 4)
"""Severities that the detector counts."""

QUALITY: Final = Board(
    uid="tapewatch-quality",
    title="Tapewatch: Quality",
    about="Whether what is flagged is worth a look, and severities still mean what they say.",
    numbers=(("budget", "1.5", "flagged trades per 10,000 that are meant: ALERTS_PER_10K"),),
    since="now-24h",
    panels=(
        Panel(
            "Flagged per 10,000 trades, against the budget",
            "Of all symbols, by the detector's bars. The budget is typed above: ALERTS_PER_10K.",
            "lines",
            (BUDGET,),
            step="1m",
        ),
        Panel(
            "Symbols furthest over budget",
            "The 50 with most flagged trades beyond what the budget allows.",
            "table",
            (OVER_BUDGET,),
        ),
        Panel(
            "Trades per severity, as shares",
            "A severity of 3 is meant for one trade in a thousand: 0.001.",
            "lines",
            tuple(
                promql(f"{severe(level)} / {SCORED}", f"{{{{detector}}}}, severity {level}")
                for level in LEVELS
            ),
            unit="percentunit",
        ),
        Panel(
            "Drift: times as many of a severity as are meant",
            "1 is as promised. Above 3 or below 0.1 for long: the market or the feed has changed "
            "(`tape doctor`).",
            "lines",
            tuple(
                promql(
                    f"{10**level} * {severe(level)} / {SCORED}",
                    f"{{{{detector}}}}, severity {level}",
                )
                for level in LEVELS
            ),
        ),
        Panel(
            "Flagged trades per severity",
            "Beside how many are meant among the trades judged. Those that the budget leaves out "
            "are not stored: below it there are fewer than meant.",
            "table",
            (BY_SEVERITY,),
        ),
        Panel(
            "Seconds that closed outside their band",
            "As a share of those with a band. It grows where the band no longer fits.",
            "lines",
            (OUTSIDE,),
            unit="percentunit",
            step="1m",
        ),
        Panel(
            "Reviews by kind",
            "Episodes decided in the time shown, by the rule of their worst trade. Escalated is "
            "confirmed, as `tape learn` takes it.",
            "table",
            (BY_KIND,),
        ),
        Panel(
            "Reviews by reason",
            "The newest decision about each episode, and why.",
            "table",
            (BY_REASON,),
        ),
        Panel(
            "Decisions",
            "Every step, also those that were changed later.",
            "stacked",
            (DECIDED,),
            step="1m",
        ),
        Panel(
            "Not decided yet",
            "The 100 episodes of highest priority.",
            "table",
            (OPEN,),
        ),
    ),
)
