"""A made-up market day in DataBento's own shape, with labelled anomalies; the same by seed."""

from tape.synthetic.day import Label, SyntheticDay, make_day
from tape.synthetic.files import write_day

__all__ = ["Label", "SyntheticDay", "make_day", "write_day"]
