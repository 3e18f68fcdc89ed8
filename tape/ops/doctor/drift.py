"""Whether severities still mean what they say, by the detector's own metrics."""

import http.client
import math
from collections.abc import Mapping
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from tape.detection.registry import lineup
from tape.errors import SettingsError
from tape.ops.doctor.endpoint import address_of, get_text
from tape.ops.doctor.finding import Finding, first_cause
from tape.settings.detector import DetectorSettings

TOO_MANY: Final = 3.0
TOO_FEW: Final = 0.1
"""Times as many trades of a severity as there should be; odd trades come in bursts."""
ENOUGH: Final = 30.0
"""Trades of a severity that there should be, before anything is said of them."""

Severe = Mapping[tuple[str, str], float]


def check_drift(settings: DetectorSettings) -> Finding:
    """Say how many trades have each severity, against what the severity means."""
    if not settings.metrics_port:
        return Finding("drift", "not checked", "METRICS_PORT is not set")
    try:
        kinds = lineup(settings.profile).kinds
        text = get_text(f"{address_of(settings)}/metrics")
        scored, severe = read_severities(text)
    except SettingsError as error:
        return first_cause("drift", error)
    except (OSError, http.client.HTTPException, ValueError):
        return Finding("drift", "not checked", "the metrics cannot be read")
    names = [kind.name for kind in kinds]
    gated = {kind.name for n, kind in enumerate(kinds) if kind.gate in names[:n]}
    return judge_drift(scored, severe, gated)


def read_severities(text: str) -> tuple[Mapping[str, float], Severe]:
    """Return the trades with a severity by detector, and by severity; raises `ValueError`."""
    scored: dict[str, float] = {}
    severe: dict[tuple[str, str], float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "tapewatch_scored_trades_total":
                scored[sample.labels["detector"]] = sample.value
            elif sample.name == "tapewatch_severe_trades_total":
                severe[sample.labels["detector"], sample.labels["severity"]] = sample.value
    return scored, severe


def judge_drift(
    scored: Mapping[str, float], severe: Severe, gated: set[str] | None = None
) -> Finding:
    """Say whether there are far more trades of a severity than should be, or far fewer.

    Of detectors in `gated` not every trade is scored, so few of them say nothing.
    """
    if not scored:
        return Finding("drift", "ok", "no detector at work has a severity")
    told, faults = [], []
    for (detector, level), found in sorted(severe.items()):
        trades = scored.get(detector, 0.0)
        due = trades * math.pow(10.0, -float(level))
        if not trades:
            continue
        shares = f"{detector}, severity {level}: {_per_10k(found, trades)} of 10,000 trades"
        shares += f" (meant: {_per_10k(due, trades)})"
        told.append(shares)
        few = found < TOO_FEW * due and detector not in (gated or set())
        if due >= ENOUGH and (found > TOO_MANY * due or few):
            faults.append(shares)
    if not faults:
        return Finding("drift", "ok", "; ".join(told) or "no trade has been judged yet")
    fix = (
        "look at what is flagged: the market or the feed has changed; a model is trained again on "
        "newer days (docs/supervised.md)"
    )
    return Finding("drift", "warning", "; ".join(faults), fix)


def _per_10k(count: float, trades: float) -> str:
    return f"{10_000 * count / trades:.3g}"
