"""Records whose headers have names that are not UTF-8, as other clients can write them.

The Python client takes text only, so these are written by the library under it.
"""

import ctypes
from pathlib import Path

import confluent_kafka

PRODUCER, TOPIC, VALUE, MSGFLAGS, HEADERS, END = 0, 1, 4, 7, 10, 0
COPY = 2


def produce_with_headers(
    address: str, topic: str, value: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    """Send one record and wait until the broker has it."""
    libraries = Path(confluent_kafka.__file__).parents[1] / "confluent_kafka.libs"
    library = ctypes.CDLL(str(next(libraries.glob("librdkafka*"))))
    pointer, text, size = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t
    for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_headers_new"):
        getattr(library, name).restype = pointer
    why = ctypes.create_string_buffer(512)
    settings = pointer(library.rd_kafka_conf_new())
    library.rd_kafka_conf_set(settings, b"bootstrap.servers", address.encode(), why, size(512))
    producer = pointer(library.rd_kafka_new(PRODUCER, settings, why, size(512)))
    listed = pointer(library.rd_kafka_headers_new(size(len(headers))))
    for name_, content in headers:
        length, room = ctypes.c_ssize_t(len(name_)), ctypes.c_ssize_t(len(content))
        library.rd_kafka_header_add(listed, text(name_), length, text(content), room)
    refused = library.rd_kafka_producev(
        producer,
        *(ctypes.c_int(TOPIC), text(topic.encode())),
        *(ctypes.c_int(VALUE), text(value), size(len(value))),
        *(ctypes.c_int(MSGFLAGS), ctypes.c_int(COPY)),
        *(ctypes.c_int(HEADERS), listed),
        ctypes.c_int(END),
    )
    assert refused == 0
    assert library.rd_kafka_flush(producer, ctypes.c_int(30_000)) == 0
    library.rd_kafka_destroy(producer)
