"""The pipeline on Quix Streams: batches in, verdicts out, state and offsets in one transaction.

This package and `tape.kafka` are the only places that know Kafka.
"""

import warnings
from contextlib import suppress

# Quix Streams imports authlib, whose notice about its own next version would open every log.
with suppress(ImportError):  # its filter shows the notice always, unless ours comes after it
    import authlib.deprecate  # noqa: F401
warnings.filterwarnings("ignore", message="The httpx module is deprecated")
