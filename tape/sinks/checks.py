"""A look at a store by its name, before work; nothing is changed."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tape.sinks.checked import Checked

if TYPE_CHECKING:
    from tape.sinks.postgres.session import Place
    from tape.sinks.search.place import SearchPlace


def check_database(place: "Place", kinds: Iterable[str]) -> Iterator[Checked]:
    """Yield what is found of a database."""
    from tape.sinks.postgres.check import check_postgres

    yield from check_postgres(place, kinds)


def check_quest(place: "Place") -> Iterator[Checked]:
    """Yield what is found of a QuestDB."""
    from tape.sinks.questdb.check import check_questdb

    yield from check_questdb(place)


def check_search_server(place: "SearchPlace", kinds: Iterable[str]) -> Iterator[Checked]:
    """Yield what is found of an Elasticsearch or OpenSearch."""
    from tape.sinks.search.check import check_search

    yield from check_search(place, kinds)


def check_folder(folder: Path) -> Iterator[Checked]:
    """Yield what is found of a folder of Parquet files."""
    from tape.sinks.check_files import check_files

    yield from check_files(folder)
