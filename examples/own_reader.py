"""Prints each episode when it is over, and continues where it was when it is started again."""

import contextlib
import json
import os

from confluent_kafka import Consumer, KafkaException

consumer = Consumer(
    {
        "bootstrap.servers": os.environ.get("Quix__Broker__Address", "127.0.0.1:19092"),
        "group.id": os.environ.get("GROUP", "my-reader"),  # under this name the position is kept
        "session.timeout.ms": 6_000,  # after a kill its place is free again
        "isolation.level": "read_committed",  # nothing of a transaction that was aborted
        "auto.offset.reset": "earliest",  # the first time: from the beginning
        "enable.auto.commit": False,  # the position moves when the work is done, below
    }
)
consumer.subscribe([os.environ.get("EPISODES_TOPIC", "episodes")])
with contextlib.suppress(KeyboardInterrupt), contextlib.closing(consumer):
    while True:
        messages = consumer.consume(500, timeout=1.0)
        for message in messages:
            if (error := message.error()) is not None:
                raise KafkaException(error)
            episode = json.loads(message.value())
            if episode["state"] == "closed":
                print(episode["episode_id"], episode["text"], flush=True)  # your work goes here
        if messages:
            consumer.commit(asynchronous=False)
