"""What flows: trades, anomalies, episodes, rejected records, columns, counts."""
