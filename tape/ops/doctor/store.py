"""The store that anomalies go to, if there is to be one."""

from collections.abc import Iterator

from tape.errors import TapeError
from tape.ops.doctor.finding import Finding, first_cause
from tape.settings.load import load, origins
from tape.settings.sink import SEARCH_SINKS, SinkSettings
from tape.settings.store_place import place_of, search_place_of
from tape.sinks.checked import Checked
from tape.sinks.checks import check_database, check_folder, check_quest, check_search_server


def check_store() -> Finding:
    """Look at the store that SINK names; without SINK and DATABASE_URL there is none."""
    try:
        settings = load(SinkSettings)
        given = {one.name for one in origins(settings) if one.source != "default"}
        if not given & {"SINK", "DATABASE_URL"}:
            return Finding("store", "not checked", "neither SINK nor DATABASE_URL is set")
        found = list(store_checks(settings))
    except TapeError as error:
        return first_cause("store", error)
    said = "; ".join(one.text for one in found if one.is_well)
    for one in found:
        if not one.is_well:
            return Finding("store", "problem", one.text, one.fix)
    return Finding("store", "ok", said)


def store_checks(settings: SinkSettings) -> Iterator[Checked]:
    """Yield what is found of the store; raises `TapeError` if it cannot be looked at."""
    if settings.sink == "files":
        yield from check_folder(settings.sink_dir)
    elif settings.sink == "questdb":
        yield from check_quest(place_of(settings))
    elif settings.sink in SEARCH_SINKS:
        place = search_place_of(settings, settings.store_timeout_s)
        yield from check_search_server(place, settings.sink_topics)
    else:
        yield from check_database(place_of(settings), settings.sink_topics)
