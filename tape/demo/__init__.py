"""The whole pipeline on one machine, from files to anomalies, with nothing running before."""

from tape.demo.pipeline import DemoRun, run_pipeline
from tape.demo.report import report

__all__ = ["DemoRun", "report", "run_pipeline"]
