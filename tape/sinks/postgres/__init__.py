"""PostgreSQL as a store: anomalies, episodes, rejected records and trades as tables."""
