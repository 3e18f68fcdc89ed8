"""Archives as a feed: the same messages from the same place, and what lies behind of each file."""

from pathlib import Path

from tape.archives import find_archives
from tape.feeds.archives import ArchiveFeed
from tape.feeds.feed import FeedBatch
from tape.synthetic import make_day, write_day


def day(folder: Path) -> None:
    write_day(make_day(seed=5, symbols=("AAPL", "NVDA"), trades=3_000), folder)


def read(feed: ArchiveFeed, since: dict[str, int]) -> tuple[list[bytes], dict[str, int]]:
    values, rows = [], dict(since)
    for batch in feed.batches(since):
        values += batch.values
        rows |= {name: part.rows for name, part in batch.parts.items()}
    feed.close()
    return values, rows


def test_a_feed_goes_on_where_it_was(tmp_path: Path) -> None:
    day(tmp_path)
    archives = find_archives(tmp_path).archives
    whole, behind = read(ArchiveFeed(archives), {})
    assert len(whole) == sum(behind.values()) == 3_000
    first = ArchiveFeed(archives)
    begun: FeedBatch = next(iter(first.batches({})))
    first.close()
    since = {name: part.rows for name, part in begun.parts.items()}
    rest, at_the_end = read(ArchiveFeed(archives), since)
    assert begun.values + rest == whole
    assert at_the_end == behind


def test_only_the_symbols_that_are_wanted_come_and_all_rows_are_counted(tmp_path: Path) -> None:
    day(tmp_path)
    values, behind = read(ArchiveFeed(find_archives(tmp_path).archives, frozenset({"NVDA"})), {})
    assert values
    assert all(b'"symbol":"NVDA"' in value for value in values)
    assert sum(behind.values()) == 3_000


def test_a_feed_can_be_closed_at_any_time_and_more_than_once(tmp_path: Path) -> None:
    day(tmp_path)
    feed = ArchiveFeed(find_archives(tmp_path).archives)
    feed.close()
    next(iter(feed.batches({})))
    feed.close()
    feed.close()
