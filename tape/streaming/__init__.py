"""The pipeline on Quix Streams: batches in, verdicts out, state and offsets in one transaction.

This package and `tape.broker` are the only places that know Kafka.
"""

import warnings

# Quix Streams imports authlib, whose notice about its own next version would open every log.
warnings.filterwarnings("ignore", message="The httpx module is deprecated")
