"""Draws the README's picture: one episode of a synthetic day, with its reason.

Run: python -m docs.pictures
"""

import tempfile
from datetime import date
from pathlib import Path
from typing import Final

import tape
from tape.model.episode import SPIKE
from tape.synthetic import make_day
from tape.synthetic.files import write_day

PICTURE: Final = Path(__file__).parent / "pictures/episode.png"
DAYS: Final = (date(2025, 3, 3), date(2025, 3, 4))
"""The first is ordinary: on the second the detector knows what is usual for each symbol."""
TRADES: Final = 60_000
"""Per day."""
SEED: Final = 7
FLAGS: Final = range(4, 13)
"""Flagged trades of the episode that is shown: enough to see a spike, few enough to see each."""


def main() -> None:
    """Draw the spike of this many flags that has the highest priority."""
    with tempfile.TemporaryDirectory() as folder:
        for day, anomalies in zip(DAYS, (0, 42), strict=True):
            write_day(make_day(SEED, trades=TRADES, day=day, anomalies=anomalies), Path(folder))
        found = tape.detect(folder, profile="calibrated")
        rows = found.episodes.to_pandas()
        shown = rows[rows["flags"].isin(FLAGS) & (rows["mark"] == SPIKE)]
        worst = shown.sort_values("priority").iloc[-1]
        print(worst["text"], worst["reason"], sep="\n")
        found.plot(worst["episode_id"]).savefig(PICTURE)


if __name__ == "__main__":
    main()
