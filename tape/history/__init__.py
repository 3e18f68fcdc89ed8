"""Days of trades in PostgreSQL: loaded from files, listed, made into bars, pruned."""
