"""Writes the apps' dockerfiles: `python image/copies.py`, after each change of the Dockerfile.

Quix builds an image per app, and looks for its dockerfile in the app's folder.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
APPS = ("producer", "anomaly_detector", "anomaly_sink", "alerter", "dashboard")


def main() -> None:
    """Copy the one to the others."""
    text = (ROOT / "Dockerfile").read_text()
    for app in APPS:
        (ROOT / app / "dockerfile").write_text(text)


if __name__ == "__main__":
    main()
