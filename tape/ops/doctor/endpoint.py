"""The metrics endpoint of an app, if there is to be one."""

import http.client
import urllib.error
import urllib.request
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from tape.ops.doctor.finding import Finding
from tape.settings.broker import BrokerSettings

TIMEOUT_S: Final = 2.0
ALL_ADDRESSES: Final = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound


def check_metrics(settings: BrokerSettings) -> Finding:
    """Ask the health page and the metrics of the app that has these settings."""
    if not settings.metrics_port:
        return Finding("metrics", "not checked", "METRICS_PORT is not set")
    address = address_of(settings)
    try:
        health, text = get_text(f"{address}/health"), get_text(f"{address}/metrics")
        values = {
            family.name: family.samples[0].value
            for family in text_string_to_metric_families(text)
            if family.samples
        }
        since_s = values["tapewatch_seconds_since_commit"]
    except urllib.error.HTTPError as error:
        said = f"{address} answers {error.code} {error.reason}"
        return Finding("metrics", "problem", said, "the app hangs: see its log and start it again")
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        why = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
        fix = "start the app, or ask from where it runs (in its container)"
        return Finding("metrics", "warning", f"nobody answers at {address} ({why})", fix)
    except (KeyError, ValueError):
        fix = "another program has this port: set another METRICS_PORT"
        return Finding("metrics", "warning", f"{address} is not Tapewatch's", fix)
    said = f"{address}: {health.strip()}, last commit {since_s:.1f} s ago"
    return Finding("metrics", "ok", said)


def address_of(settings: BrokerSettings) -> str:
    """Return where an app with these settings has its metrics."""
    host = "127.0.0.1" if settings.metrics_host in ALL_ADDRESSES else settings.metrics_host
    return f"http://{host}:{settings.metrics_port}"


def get_text(url: str) -> str:
    """Return what a page says; raises `OSError` or `HTTPException` if nobody answers."""
    with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310 - always http
        return str(answer.read().decode(errors="replace"))
