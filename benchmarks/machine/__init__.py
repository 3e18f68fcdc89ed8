"""Measures this machine: engine, files, wire, and the apps beside a bare Kafka client."""
