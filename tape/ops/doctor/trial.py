"""The clock and the trial of `--deep`, as findings."""

from tape.errors import TapeError
from tape.ops.doctor.finding import Finding, Verdict, first_cause
from tape.settings.detector import DetectorSettings

CLOCK_MAX_S = 1.0
"""More between this clock and the broker's, and delays read off timestamps mean nothing."""

REFUSED_S = 3_600.0
"""Kafka refuses messages whose time is so far ahead of its own (message.timestamp.after.max.ms)."""


def check_trial(settings: DetectorSettings) -> list[Finding]:
    """Send one test trade through topics of its own, and say what came of it."""
    from tape.streaming.probe import try_one_trade  # Quix Streams: 1 s

    try:
        trial = try_one_trade(settings)
    except TapeError as error:
        clock = Finding("clock", "not checked", "the trial failed")
        return [clock, first_cause("trial", error)]
    clock = judge_clock(trial.clock_ahead_s, trial.clock_unsure_s)
    left = tuple(f"could not be removed: {name}" for name in trial.left)
    if not trial.came_back:
        text = f"a test trade was sent but its anomaly did not come back in {trial.took_s:.1f} s"
        fix = "run the detector with LOG_LEVEL=DEBUG and look at its log"
        return [clock, Finding("trial", "problem", text, fix, left)]
    text = f"a test trade was sent, flagged and read back, committed, in {trial.took_s:.1f} s"
    text += " (includes detector start-up)"
    if left:
        fix = "remove its topics: the user may not delete them"
        return [clock, Finding("trial", "warning", text, fix, left)]
    return [clock, Finding("trial", "ok", text)]


def judge_clock(ahead_s: float | None, unsure_s: float) -> Finding:
    """Say how far this machine's clock is from the broker's, given how sure that is."""
    if ahead_s is None:
        return Finding("clock", "not checked", "the broker did not stamp the test trade")
    where = "ahead of" if ahead_s >= 0 else "behind"
    text = f"{abs(ahead_s):.3f} s {where} the broker's (± {unsure_s:.3f} s)"
    if abs(ahead_s) - unsure_s <= CLOCK_MAX_S:
        return Finding("clock", "ok", text)
    verdict: Verdict = "problem" if abs(ahead_s) >= REFUSED_S else "warning"
    return Finding("clock", verdict, text, "let both machines follow a time server (chrony, NTP)")
