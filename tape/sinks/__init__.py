"""Where anomalies and episodes go, beside the topics."""
