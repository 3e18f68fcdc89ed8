"""The calibrated profile as a kind of detectors."""

from typing import Final

from tape.detection.calibrated.detector import CalibratedDetector
from tape.detection.calibrated.parameters import CalibratedParameters
from tape.detection.calibrated.state import (
    COUNTERS,
    HELD,
    LAST_PRICE,
    LAST_SIZE,
    VENUES_KNOWN,
    VERSION,
)
from tape.detection.duplicates import ACCEPTED, KNOWN_PUBLISHERS
from tape.detection.kind import Kind, Layout, remembers_all
from tape.model.rules import CALIBRATED

KIND: Final = Kind(
    name="calibrated",
    rules=(CALIBRATED,),
    parameters=CalibratedParameters,
    build=CalibratedDetector,
    memory_trades=remembers_all,
    finds_duplicates=True,
    is_severity=True,
    tuned="a budget of alerts",
    layout=Layout(
        columns={
            "trades": ACCEPTED,
            "last_size": LAST_SIZE,
            "local_prices": HELD,
            "venues": VENUES_KNOWN,
            "publishers": KNOWN_PUBLISHERS,
        },
        count=COUNTERS,
        version=VERSION,
        last_price=LAST_PRICE,
        before=False,
    ),
)
