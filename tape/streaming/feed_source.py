"""Which feed the producer's settings name, and what it has."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tape.archives import Archive, Discovery, count_rows_hint, find_archives
from tape.feeds.feed import Feed
from tape.feeds.registry import feed_kind
from tape.settings.producer import ProducerSettings
from tape.settings.store_place import place_of


@dataclass(frozen=True, slots=True)
class FeedSource:
    """A feed that can be begun.

    Attributes:
        found: its parts: files, or days as if each were one.
        make: makes the feed of some of them, and of symbols; none means all.
        rows_hint: says about how many rows a part has.
    """

    found: Discovery
    make: Callable[[Sequence[Archive], frozenset[str]], Feed]
    rows_hint: Callable[[Archive], int]


def feed_source(settings: ProducerSettings) -> FeedSource:
    """Return the feed that FEED names.

    Args:
        settings: of the producer.

    Raises:
        ArchiveError: it has nothing.
        StoreError: its database refuses, or is away.
    """
    kind = feed_kind(settings.feed)
    if settings.feed == "archives":
        return FeedSource(find_archives(settings.data_dir), kind, count_rows_hint)
    place = place_of(settings)
    from tape.feeds.postgres import days_as_archives
    from tape.sinks.postgres.history import Range

    asked = Range(settings.history_from, settings.history_to, settings.symbols)

    def make(days: Sequence[Archive], symbols: frozenset[str]) -> Feed:
        return kind(days, place, asked)

    return FeedSource(Discovery(days_as_archives(place, asked)), make, lambda one: one.size)
