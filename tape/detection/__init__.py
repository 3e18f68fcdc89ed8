"""Rules, forest and duplicates: columns of trades in, verdicts out."""
