"""Market days in DataBento's own shape with labelled anomalies, synthetic or put into real ones."""

from tape.synthetic.day import Label, SyntheticDay
from tape.synthetic.files import write_day
from tape.synthetic.inject import KINDS, inject
from tape.synthetic.load import load_day
from tape.synthetic.make import make_day

__all__ = ["KINDS", "Label", "SyntheticDay", "inject", "load_day", "make_day", "write_day"]
