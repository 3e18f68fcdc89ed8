"""The pipeline on Quix Streams: batches in, verdicts out, state and offsets in one transaction.

This package and `tape.broker` are the only places that know Kafka.
"""
