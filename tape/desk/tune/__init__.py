"""Thresholds and budgets of symbols from past days: what `tape tune` finds and writes."""
