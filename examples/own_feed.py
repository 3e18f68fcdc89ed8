"""Sends trades of your own to `stocks`.

It takes lines `time,sequence,symbol,price,shares` on standard input; a time is in UTC with nine
decimals. Put what reads your feed in place of `csv.reader`.
"""

import csv
import json
import os
import sys

from confluent_kafka import KafkaError, Message, Producer

FEED = 9_001  # `publisher_id`: any number up to 65,535 that no other feed of yours has

producer = Producer(
    {
        "bootstrap.servers": os.environ.get("Quix__Broker__Address", "127.0.0.1:19092"),
        "partitioner": "murmur2",  # as Kafka's own clients; librdkafka's default is another one
        "enable.idempotence": True,  # a retry neither doubles trades nor changes their order
    }
)
refused: list[str] = []


def noted(error: KafkaError | None, _: Message) -> None:
    """Keep what the broker did not take."""
    if error is not None:
        refused.append(error.str())


for time, sequence, symbol, price, shares in csv.reader(sys.stdin):
    trade = {"ts_event": time, "publisher_id": FEED, "side": "N"}  # N: who began it is not known
    trade |= {"price": float(price), "size": int(shares), "symbol": symbol}
    trade |= {"sequence": int(sequence)}  # not needed; without it a trade sent twice is two
    producer.produce(
        os.environ.get("input", "stocks"), json.dumps(trade), key=symbol, on_delivery=noted
    )
    producer.poll(0)
    while len(producer) > 50_000:  # faster than the broker takes them
        producer.poll(0.1)
if producer.flush(30) or refused:
    sys.exit(f"not all was sent: {refused[:1]}")
