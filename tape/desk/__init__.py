"""Offline work on days of trades: inspect, evaluate, tune, plots."""
