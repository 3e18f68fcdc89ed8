"""What is in files of trades: encoding, symbols, days, order, auctions, and what is wrong."""

from tape.desk.inspect.inspect import Inspecting
from tape.desk.inspect.report import Auction, FileReport, Inspection, SymbolReport

__all__ = ["Auction", "FileReport", "Inspecting", "Inspection", "SymbolReport"]
