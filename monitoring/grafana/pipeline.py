"""The board *Pipeline*: whether all of it runs, how fast, and what it could not read."""

from typing import Final

from monitoring.grafana.panels import Board, Panel, Query, promql

EACH: Final = "{{instance}}"
JOB: Final = '{job="tapewatch"}'


def rate(metric: str, by: str = "instance") -> str:
    """Return how much a counter grows in a second, by a label."""
    return f"sum by ({by}) (rate({metric}{JOB}[$__rate_interval]))"


def quantiles(metric: str, *wanted: str) -> tuple[Query, ...]:
    """Return questions for quantiles of a histogram."""
    grown = f"sum by (le, instance) (rate({metric}_bucket{JOB}[$__rate_interval]))"
    return tuple(
        promql(f"histogram_quantile({one}, {grown})", f"{EACH}, {one} of them within")
        for one in wanted
    )


PIPELINE: Final = Board(
    uid="tapewatch-pipeline",
    title="Tapewatch: Pipeline",
    about="Whether all apps run, how fast, how far behind, and what they could not read.",
    since="now-1h",
    panels=(
        Panel(
            "Up",
            "1: the app answers, reaches its broker, and its store or channel takes what it sends.",
            "lines",
            (
                promql(f"up{JOB}", f"{EACH} answers"),
                promql(f"tapewatch_broker_up{JOB}", f"{EACH} reaches the broker"),
                promql(f"tapewatch_store_up{JOB}", f"{EACH} reaches its store"),
                promql(f"tapewatch_channel_up{JOB}", f"{EACH} reaches {{{{channel}}}}"),
            ),
        ),
        Panel(
            "Waiting on the topics",
            "Trades not judged, messages not stored, states of episodes not decided on.",
            "lines",
            (
                promql(f"tapewatch_lag_trades{JOB}", f"{EACH}, trades"),
                promql(f"tapewatch_store_lag_messages{JOB}", f"{EACH}, to be stored"),
                promql(f"tapewatch_alerter_lag_messages{JOB}", f"{EACH}, for the alerter"),
            ),
        ),
        Panel(
            "Trades",
            "Sent by the producer, judged by the detector; and duplicates, which are dropped.",
            "lines",
            (
                promql(rate("tapewatch_trades_total"), EACH),
                promql(rate("tapewatch_duplicate_trades_total"), f"{EACH}, duplicates"),
            ),
            unit="cps",
        ),
        Panel(
            "Stored messages",
            "What the sinks have written, by kind.",
            "lines",
            (promql(rate("tapewatch_stored_total", "instance, kind"), f"{EACH}, {{{{kind}}}}"),),
            unit="cps",
        ),
        Panel(
            "Flags by rule",
            "As the detector counts them; a trade may have several.",
            "stacked",
            (promql(rate("tapewatch_anomalies_total", "rule"), "{{rule}}"),),
            unit="cps",
        ),
        Panel(
            "States of episodes",
            "Written by the detector: opened, extended, closed.",
            "lines",
            (promql(rate("tapewatch_episodes_total", "state"), "{{state}}"),),
            unit="cps",
        ),
        Panel(
            "Time of a commit",
            "From the first state written to the end of the transaction.",
            "lines",
            quantiles("tapewatch_commit_seconds", "0.5", "0.95", "0.99"),
            unit="s",
        ),
        Panel(
            "Commits",
            "How many a second, and how long ago the last one was.",
            "lines",
            (
                promql(rate("tapewatch_commit_seconds_count"), f"{EACH}, a second"),
                promql(f"tapewatch_seconds_since_commit{JOB}", f"{EACH}, seconds since"),
            ),
        ),
        Panel(
            "Time of a batch",
            "Of the detector's micro-batches, refits included.",
            "lines",
            quantiles("tapewatch_batch_seconds", "0.5", "0.99"),
            unit="s",
        ),
        Panel(
            "Time of a write into a store",
            "Of the sinks.",
            "lines",
            quantiles("tapewatch_store_write_seconds", "0.5", "0.99"),
            unit="s",
        ),
        Panel(
            "Rejected records",
            "By reason: `tape rejected list`. Refused: what a store can never take.",
            "stacked",
            (
                promql(rate("tapewatch_rejected_total", "reason"), "{{reason}}"),
                promql(rate("tapewatch_store_refused_total", "kind"), "refused: {{kind}}"),
                promql(rate("tapewatch_episodes_unreadable_total"), f"{EACH}, unreadable episodes"),
            ),
            unit="cps",
        ),
        Panel(
            "Out of order",
            "Trades older than the newest of their publisher, and those too late for a bar.",
            "lines",
            (
                promql(rate("tapewatch_late_trades_total"), f"{EACH}, late"),
                promql(rate("tapewatch_late_for_bars_total"), f"{EACH}, in no bar"),
            ),
            unit="cps",
        ),
        Panel(
            "Latest trade",
            "By how many seconds a trade was late at most, since the start.",
            "lines",
            (promql(f"tapewatch_late_seconds_max{JOB}", EACH),),
            unit="s",
        ),
        Panel(
            "Symbols",
            "That hold a place, and those whose state was given up for others.",
            "lines",
            (
                promql(f"tapewatch_symbols{JOB}", EACH),
                promql(rate("tapewatch_symbols_forgotten_total"), f"{EACH}, forgotten a second"),
            ),
        ),
        Panel(
            "State",
            "Bytes of the symbols' states in the local store.",
            "lines",
            (promql(f"tapewatch_state_bytes{JOB}", EACH),),
            unit="bytes",
        ),
        Panel(
            "Memory",
            "Resident, of each app.",
            "lines",
            (promql(f"process_resident_memory_bytes{JOB}", EACH),),
            unit="bytes",
        ),
        Panel(
            "Processor",
            "Cores in use, of each app.",
            "lines",
            (promql(rate("process_cpu_seconds_total"), EACH),),
        ),
        Panel(
            "Alerts to people",
            "Sent, waiting, failed and given up, by channel.",
            "lines",
            (
                promql(rate("tapewatch_alerts_sent_total", "channel"), "{{channel}}, sent"),
                promql(f"tapewatch_alerts_waiting{JOB}", "{{channel}}, waiting now"),
                promql(rate("tapewatch_alerts_failed_total", "channel"), "{{channel}}, failed"),
                promql(rate("tapewatch_alerts_given_up_total", "channel"), "{{channel}}, given up"),
            ),
        ),
        Panel(
            "The page",
            "Browsers that listen, frames given to them, browsers cut off, episodes dropped.",
            "lines",
            (
                promql(f"tapewatch_page_viewers{JOB}", "browsers"),
                promql(rate("tapewatch_page_frames_total"), f"{EACH}, frames a second"),
                promql(rate("tapewatch_page_viewers_cut_total"), f"{EACH}, cut off"),
                promql(rate("tapewatch_page_episodes_dropped_total"), f"{EACH}, dropped"),
            ),
        ),
    ),
)
