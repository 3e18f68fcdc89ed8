"""`tape state`: what the detectors of a group have learnt, as their changelog holds it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final

import typer
from rich.table import Table

from tape.cli.forms import AsForm, AsJson, Form, form_of, show
from tape.cli.nothing import listed
from tape.cli.output import counted, notes_console
from tape.detection.registry import BUILT_IN, lineup
from tape.errors import SettingsError, StateError
from tape.judging.state_fields import MEANINGS, fields_of
from tape.kafka.connect import COMMAND_WAIT_S, ready_broker
from tape.kafka.kept_states import KeptState, kept_states, other_keys, refuse_if_running, reset
from tape.kafka.topics import changelog_name, partition_counts
from tape.process.terminal_text import cell, printable
from tape.settings.detector import DetectorSettings
from tape.settings.load import load

app = typer.Typer(
    help="The state that detectors keep: list it, show it, reset it.",
    no_args_is_help=True,
    add_completion=False,
)
NOTHING_MATCHED: Final = 2
"""Exit code where a symbol or profile was named of which nothing is kept."""

Profile = Annotated[
    str | None,
    typer.Option(
        "--profile",
        help=f"Only these detectors, comma-separated as in PROFILE: {', '.join(BUILT_IN)}, or one "
        "of your own.",
    ),
]


@dataclass(frozen=True, slots=True)
class Sum:
    """The states of one profile in a changelog, for a table or a program."""

    profile: str
    symbols: int
    bytes: int
    partitions: list[int]
    newest: str


@app.command("list")
def list_(form: AsForm = None, as_json: AsJson = False) -> int:
    """Count the states of each profile: symbols, bytes, partitions, and when the newest was kept.

    Example: tape state list
    """
    shape = form_of(form, as_json)
    settings, changelog, states = _read()
    by_profile = defaultdict(list)
    for state in states:
        by_profile[state.profile].append(state)
    sums = [_sum(profile, found) for profile, found in sorted(by_profile.items())]
    whole = {"changelog": changelog, "profiles": sums}
    show(shape, whole, lambda: [_list_table(sums)] if sums else [], sums)
    if not sums:
        notes_console().print(f"the group {cell(settings.consumer_group)} has kept no state")
    return 0


def _list_table(sums: Sequence[Sum]) -> Table:
    table = Table("profile", "symbols", "bytes", "partitions", "newest (UTC)")
    for one in sums:
        numbers = ", ".join(map(str, one.partitions))
        row = (f"{one.symbols:,}", f"{one.bytes:,}", numbers, one.newest)
        table.add_row(cell(one.profile), *row)
    return table


@app.command("show")
def show_state(
    symbol: Annotated[str, typer.Argument(help="The symbol, as its trades write it.")],
    profile: Profile = None,
    form: AsForm = None,
    as_json: AsJson = False,
) -> int:
    """Show what is kept of a symbol, and what each field is. Exit code 4 if nothing is kept.

    docs/operations.md explains the fields of the JSON.

    Example: tape state show NVDA --json
    """
    shape = form_of(form, as_json)
    settings, changelog, states = _read(values_of=symbol)
    found = [state for state in _chosen(states, profile) if state.symbol == symbol]
    if not found:
        known = sorted({state.symbol for state in states})
        there = f"choose from {', '.join(known[:10])}" if known else ""
        more = f" and {len(known) - 10} more" if len(known) > 10 else ""
        raise StateError(
            f"no state is kept of {symbol!r} in the group {settings.consumer_group}", there + more
        )
    shown = [_fields(state, changelog) for state in found]
    whole = {"symbol": symbol, "states": shown}
    show(shape, whole, lambda: [_fields_table(symbol, fields) for fields in shown], shown)
    return 0


def _fields_table(symbol: str, fields: dict[str, object]) -> Table:
    table = Table("field", "value", "what it is", title=cell(f"{symbol}, {fields['profile']}"))
    for name, value in fields.items():
        text = f"{value:,}" if type(value) is int else str(value)
        table.add_row(name, cell(text), MEANINGS.get(name, ""))
    return table


@app.command("reset")
def reset_state(
    symbol: Annotated[str | None, typer.Argument(help="Only this symbol.")] = None,
    profile: Profile = None,
    all_of_it: Annotated[
        bool, typer.Option("--all", help="All symbols and profiles of the group.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    form: AsForm = None,
    as_json: AsJson = False,
) -> int:
    """Delete kept state: of a symbol, a profile, or all. The detector starts over there.

    Trades already judged stay judged; the next ones are judged like a symbol's first. Refused
    while detectors of the group run. Detectors clear the copies on their disks when they start.
    Exit code 2 if nothing is kept of what was named; it says what there is.

    Example: tape state reset NVDA --profile classic --yes
    """
    shape = form_of(form, as_json)
    if all_of_it == (symbol is not None or profile is not None):
        raise SettingsError(
            "nothing says whose state",
            "give a symbol, --profile, both, or --all for everything of the group",
        )
    settings, changelog, states = _read()
    found = [s for s in _chosen(states, profile) if symbol is None or s.symbol == symbol]
    grown = all_of_it and _has_grown(settings, changelog)
    if not found and not grown and not (all_of_it and _has_counts(settings, changelog)):
        _tell_reset(found, settings, shape)
        return 0 if all_of_it else _nothing_there(states)
    refuse_if_running(settings)
    question = f"delete {counted(len(found), 'state')} of the group {settings.consumer_group}?"
    if not yes and not typer.confirm(question, err=True):
        return 0
    reset(settings, found, all_of_it=all_of_it)
    _tell_reset(found, settings, shape)
    return 0


def _read(values_of: str | None = None) -> tuple[DetectorSettings, str, list[KeptState]]:
    """Return the settings, the changelog and what it holds; nothing if there is no changelog."""
    settings = load(DetectorSettings)
    client = settings.client_config()
    ready_broker(client, [], wait_s=COMMAND_WAIT_S)
    changelog = changelog_name(settings.consumer_group, settings.input)
    if partition_counts(client, [changelog]) == [0]:
        text = f"there is no topic {changelog}: no detector of this group has worked yet"
        notes_console().print(text, markup=False, highlight=False, soft_wrap=True)
        return settings, changelog, []
    return settings, changelog, kept_states(client, changelog, values_of=values_of)


def _has_grown(settings: DetectorSettings, changelog: str) -> bool:
    stocks, kept = partition_counts(settings.client_config(), [settings.input, changelog])
    return 0 < kept < stocks


def _has_counts(settings: DetectorSettings, changelog: str) -> bool:
    client = settings.client_config()
    return partition_counts(client, [changelog]) != [0] and bool(other_keys(client, changelog))


def _chosen(states: Sequence[KeptState], profile: str | None) -> list[KeptState]:
    """Return the states of the detectors that are named, by name or as PROFILE names them."""
    if profile is None:
        return list(states)
    kept = {state.profile for state in states}
    wanted = set()
    for word in (one.strip() for one in profile.split(",")):
        if word in (*BUILT_IN, *kept, "?"):
            wanted.add(word)
        elif ":" in word:
            wanted |= set(lineup(word).names)
        else:
            known = ", ".join([*BUILT_IN, *sorted(kept - BUILT_IN.keys())])
            raise SettingsError(f"--profile {profile} is not known", f"choose from {known}")
    return [state for state in states if state.profile in wanted]


def _tell_reset(found: Sequence[KeptState], settings: DetectorSettings, form: Form) -> None:
    show(form, {"reset": len(found), "group": settings.consumer_group}, list)
    if form != "table":
        return
    deleted = f"{counted(len(found), 'state')} deleted; what they are of starts over"
    notes_console().print(deleted if found else "no such state: nothing was deleted")


def _nothing_there(states: Sequence[KeptState]) -> int:
    """Say what there is instead of what was to be deleted; returns the exit code."""
    if not states:
        return 0
    text = f"nothing was deleted: state is kept of {listed(_names(states))}"
    notes_console().print(printable(text), markup=False, highlight=False, soft_wrap=True)
    return NOTHING_MATCHED


def _names(states: Sequence[KeptState]) -> list[str]:
    return sorted({f"{state.symbol} ({state.profile})" for state in states})


def _sum(profile: str, states: Sequence[KeptState]) -> Sum:
    return Sum(
        profile=profile,
        symbols=len({state.symbol for state in states}),
        bytes=sum(state.size for state in states),
        partitions=sorted({state.partition for state in states}),
        newest=_utc(max(state.at_ms for state in states)),
    )


def _fields(state: KeptState, changelog: str) -> dict[str, object]:
    found: dict[str, object] = {
        "profile": state.profile,
        "topic": changelog,
        "partition": state.partition,
        "kept": _utc(state.at_ms),
        "bytes": state.size,
        "logged_trades": state.logged_trades,
    }
    if state.header is None or state.value is None:
        return {**found, "damaged": True}
    found |= {"version": state.header.version, "parameters": state.header.fingerprint}
    return found | fields_of(state.value)


def _utc(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
