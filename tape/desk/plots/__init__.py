"""Pictures of a tape: a day of it, or one anomaly with the trades around it."""
