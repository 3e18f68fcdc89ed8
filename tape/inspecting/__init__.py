"""What is in files of trades: encoding, symbols, days, order, auctions, and what is wrong."""

from tape.inspecting.inspection import Inspecting
from tape.inspecting.report import Auction, FileReport, Inspection, SymbolReport

__all__ = ["Auction", "FileReport", "Inspecting", "Inspection", "SymbolReport"]
