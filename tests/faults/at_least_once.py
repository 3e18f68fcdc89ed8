"""The detector without transactions: the control that must show doubles when it is killed."""

import sys

from tape.process.exit import run_main
from tape.streaming import detector_app

exactly_once = detector_app.BatchApplication


class AtLeastOnce(exactly_once):
    """The same application with the library's default guarantee."""

    def __init__(self, **settings: object) -> None:
        settings["processing_guarantee"] = "at-least-once"
        settings["producer_extra_config"] = {"linger.ms": 20}
        super().__init__(**settings)


detector_app.BatchApplication = AtLeastOnce  # type: ignore[misc]

from anomaly_detector.main import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(run_main(main))
