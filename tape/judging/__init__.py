"""From a batch of messages to anomalies, episodes and rejected records; state between runs."""
