"""The whole pipeline on one machine, from files to anomalies, with nothing running before."""

from tape.ops.demo.pipeline import DemoRun, run_pipeline
from tape.ops.demo.report import report

__all__ = ["DemoRun", "report", "run_pipeline"]
