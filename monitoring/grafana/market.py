"""The board *Market*: what was found, over the price, and what would have been normal."""

from typing import Final

from monitoring.grafana.panels import ONE_SECOND, Board, Note, Panel, sql

CANDLES: Final = sql("""
    select to_timestamp($__timeGroup(bar_start, $__interval)) as time,
    (array_agg(open order by bar_start))[1]::float as open, max(high)::float as high,
    min(low)::float as low, (array_agg(close order by bar_start desc))[1]::float as close,
    sum(volume)::float as volume
    from $schema.bars
    where bar_s = 1 and symbol = '$symbol' and $__timeFilter(bar_start)
    group by 1
    order by 1
""")
BAND: Final = sql("""
    select to_timestamp($__timeGroup(bar_start, $__interval)) as time,
    (array_agg(close order by bar_start desc))[1]::float as close,
    (array_agg(lower order by bar_start desc) filter (where lower is not null))[1]::float as lower,
    (array_agg(upper order by bar_start desc) filter (where upper is not null))[1]::float as upper
    from $schema.bars
    where bar_s = 1 and symbol = '$symbol' and $__timeFilter(bar_start)
    group by 1
    order by 1
""")
FLAGGED: Final = sql("""
    select ts_event as time, price::float as flagged
    from $schema.anomalies
    where symbol = '$symbol' and $__timeFilter(ts_event)
    order by ts_event
    limit 5000
""")
TOTALS: Final = sql("""
    select (select count(*) from $schema.anomalies where $__timeFilter(ts_event))
    as "flagged trades",
    (select count(*) from $schema.episodes where $__timeFilter(ts_first)) as episodes,
    (select count(distinct symbol) from $schema.episodes where $__timeFilter(ts_first)) as symbols,
    (select count(*) from $schema.episodes as e left join $schema.reviews as r using (episode_id)
    where $__timeFilter(e.ts_first) and coalesce(r.state, 'open') = 'open') as "not decided"
""")
BY_RULE: Final = sql("""
    select to_timestamp($__timeGroup(ts_event, $__interval)) as time, rule as metric,
    count(*)::float as value
    from $schema.anomalies, unnest(rules) as rule
    where $__timeFilter(ts_event)
    group by 1, 2
    order by 1, 2
""")
BY_SEVERITY: Final = sql("""
    select to_timestamp($__timeGroup(ts_event, $__interval)) as time,
    case when severity is null then 'no severity'
    else 'severity ' || least(floor(severity), 8)::int end as metric, count(*)::float as value
    from $schema.anomalies
    where $__timeFilter(ts_event)
    group by 1, 2
    order by 1, 2
""")
BY_VENUE: Final = sql("""
    select to_timestamp($__timeGroup(ts_event, $__interval)) as time,
    'publisher ' || publisher_id as metric, count(*)::float as value
    from $schema.anomalies
    where $__timeFilter(ts_event)
    group by 1, 2
    order by 1, 2
""")
BY_SYMBOL: Final = sql("""
    select symbol, count(*) as "flagged trades", count(distinct episode_id) as episodes,
    max(priority) as "highest priority", sum(price * size)::float as dollars
    from $schema.anomalies
    where $__timeFilter(ts_event)
    group by symbol
    order by 2 desc, symbol
    limit 50
""")
WORST: Final = sql("""
    select e.ts_first as time, e.symbol, e.priority, e.severity, e.rule, e.mark, e.flags, e.shares,
    e.notional_usd as dollars, coalesce(e.reason, e.text) as reason,
    coalesce(r.state, 'open') as decision, r.decided_by as "decided by", e.episode_id as episode
    from $schema.episodes as e left join $schema.reviews as r using (episode_id)
    where $__timeFilter(e.ts_first)
    order by e.priority desc nulls last, e.ts_first
    limit 200
""")
ANOMALY_NOTES: Final = sql("""
    select ts_event as time, reasons -> 0 ->> 'text' as text,
    array_to_string(rules || coalesce(family, ''), ',') as tags
    from $schema.anomalies
    where symbol = '$symbol' and $__timeFilter(ts_event)
    order by priority desc nulls last, ts_event
    limit 200
""")
EPISODE_NOTES: Final = sql("""
    select ts_first as time, ts_last as timeend, coalesce(reason, text) as text,
    concat_ws(',', rule, mark, state) as tags
    from $schema.episodes
    where symbol = '$symbol' and $__timeFilter(ts_first)
    order by priority desc nulls last, ts_first
    limit 200
""")
SYMBOLS: Final = sql("""
    select symbol
    from $schema.anomalies
    where $__timeFilter(ts_event)
    group by symbol
    order by count(*) desc, symbol
    limit 5000
""")

MARKET: Final = Board(
    uid="tapewatch-market",
    title="Tapewatch: Market",
    about="What was found, over the price of a symbol, and what would have been normal.",
    choices=(("symbol", SYMBOLS.text),),
    notes=(
        Note("Anomalies", ANOMALY_NOTES.text, "orange"),
        Note("Episodes", EPISODE_NOTES.text, "purple"),
    ),
    panels=(
        Panel(
            "Found",
            "In the time shown, of all symbols; not decided: episodes nobody has decided about.",
            "numbers",
            (TOTALS,),
            width=24,
            height=4,
        ),
        Panel(
            "Price of $symbol",
            "Candles of the detector's bars, with volume. Marks: the 200 anomalies and the 200 "
            "episodes of highest priority.",
            "candles",
            (CANDLES,),
            unit="currencyUSD",
            height=10,
            step=ONE_SECOND,
        ),
        Panel(
            "$symbol against what would have been normal",
            "Last price, the band of the detector that knows one (calibrated), and flagged trades "
            "as dots, the first 5,000.",
            "lines",
            (BAND, FLAGGED),
            unit="currencyUSD",
            height=10,
            step=ONE_SECOND,
            dots=("flagged",),
        ),
        Panel(
            "Flags by rule",
            "Of all symbols; a trade may have several.",
            "stacked",
            (BY_RULE,),
            step="1m",
        ),
        Panel(
            "Flagged trades by severity",
            "One in ten to the power of it is as odd: 3 is one trade in a thousand. A profile of "
            "fixed thresholds has none.",
            "stacked",
            (BY_SEVERITY,),
            step="1m",
        ),
        Panel(
            "Flagged trades by venue",
            "By the number of the publisher, DataBento's for its feeds.",
            "stacked",
            (BY_VENUE,),
            step="1m",
        ),
        Panel(
            "Flagged trades by symbol",
            "The 50 symbols with most of them.",
            "table",
            (BY_SYMBOL,),
        ),
        Panel(
            "Episodes to look at first",
            "The 200 of highest priority, with what was decided about them.",
            "table",
            (WORST,),
            width=24,
            height=12,
        ),
    ),
)
