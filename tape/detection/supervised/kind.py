"""The supervised profile as a kind of detectors."""

from typing import Final

from tape.detection.duplicates import ACCEPTED, KNOWN_PUBLISHERS
from tape.detection.kind import Kind, Layout, remembers_all
from tape.detection.supervised.detector import SupervisedDetector
from tape.detection.supervised.parameters import SupervisedParameters
from tape.detection.supervised.state import COUNTERS, LAST_PRICE, LAST_SIZE, STATE_VERSION
from tape.model.rules import SUPERVISED

KIND: Final = Kind(
    name="supervised",
    rules=(SUPERVISED,),
    parameters=SupervisedParameters,
    build=SupervisedDetector,
    memory_trades=remembers_all,
    finds_duplicates=True,
    is_severity=True,
    layout=Layout(
        columns={"trades": ACCEPTED, "last_size": LAST_SIZE, "publishers": KNOWN_PUBLISHERS},
        count=COUNTERS,
        version=STATE_VERSION,
        last_price=LAST_PRICE,
        before=False,
    ),
    gate="calibrated",
)
