"""Ends with 0 if the app beside it says that it is well: for the compose file's health checks."""

import os
import sys
import urllib.error
import urllib.request

WAIT_S = 4
"""Less than the compose file's limit for a check."""


def main() -> int:
    """Ask `/health` at METRICS_PORT, and say what it said."""
    url = f"http://127.0.0.1:{os.environ.get('METRICS_PORT', '')}/health"
    try:
        with urllib.request.urlopen(url, timeout=WAIT_S) as answer:
            print(answer.status)
    except (OSError, ValueError, urllib.error.URLError) as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
