"""Where anomalies go."""
