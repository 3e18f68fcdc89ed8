"""What a figure was measured on."""

import importlib.metadata
import os
import platform
from pathlib import Path

PACKAGES = ("scikit-learn", "numpy", "numba", "quixstreams", "confluent-kafka", "zstandard")


def machine() -> str:
    """Return cores, architecture and processor."""
    return f"{os.cpu_count()} cores, {platform.machine()}, {_processor()}"


def versions() -> dict[str, str]:
    """Return the versions of the packages that speed depends on."""
    return {name: importlib.metadata.version(name) for name in PACKAGES}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((x.split(":", 1)[1].strip() for x in lines if x.startswith("model name")), "")
