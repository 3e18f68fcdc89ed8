"""`tape alert withheld`: what nobody was told of, and why."""

from typing import Annotated, Final, get_args

import msgspec
import typer
from rich.table import Table

from tape.alerting.kept import Reason, Sent
from tape.alerting.mutes import hits
from tape.cli.alert_said import say_unreadable
from tape.cli.forms import AsForm, AsJson, form_of, show
from tape.cli.output import counted as numbered
from tape.cli.output import notes_console
from tape.errors import SettingsError
from tape.kafka.alerts_topic import alert_records
from tape.kafka.connect import ready_broker
from tape.process.terminal_text import cell
from tape.settings.alerter import AlerterSettings
from tape.settings.load import load
from tape.settings.symbol_lists import split_symbols

WAIT_S: Final = 10.0
REASONS: Final[tuple[str, ...]] = get_args(Reason)
FAILED: Final = "failed"
"""Of a message that a channel never took."""


def withheld(
    reason: Annotated[
        str | None, typer.Option(help="Only this one, such as muted, cool-down, cap, failed.")
    ] = None,
    symbols: Annotated[str, typer.Option(help="Only these symbols, comma-separated.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="List at most N, the newest.")] = 50,
    form: AsForm = None,
    as_json: AsJson = False,
) -> int:
    """List the episodes whose newest state was withheld, and count all states by reason.

    What no rule wanted is not here: `tape alert preview --withheld` and the metrics have it.

    Example: tape alert withheld --reason muted
    """
    shape = form_of(form, as_json)
    if reason is not None and reason not in (*REASONS, FAILED):
        raise SettingsError(
            f"--reason {reason} is not known", f"choose from {', '.join((*REASONS, FAILED))}"
        )
    wanted = frozenset(split_symbols(symbols, "--symbols"))
    settings = load(AlerterSettings)
    ready_broker(settings.client_config(), [], wait_s=WAIT_S)
    records, unreadable = alert_records(settings.client_config(), settings.alerts)
    known = [
        one for one in records if isinstance(one, Sent) and (not wanted or one.symbol in wanted)
    ]
    found = [
        one for one in known if (reason_of(one) == reason if reason else reason_of(one) is not None)
    ]
    found.sort(key=lambda one: (one.at, one.episode_id, one.channel), reverse=True)
    counted = hits(known)
    failed = sum(one.told is not None and one.told.failed is not None for one in known)
    if failed:
        counted[FAILED] = failed
    rows = [{**msgspec.structs.asdict(one), "reason": reason_of(one)} for one in found[:limit]]
    whole = {"states_withheld": dict(counted.most_common()), "episodes": rows}
    show(shape, whole, lambda: [_table(found[:limit])] if found else [], rows)
    for name, count in counted.most_common():
        notes_console().print(f"{cell(name)}: {numbered(count, 'state')}")
    if len(found) > limit:
        notes_console().print(f"{limit:,} of {len(found):,} episodes; --limit lists more")
    if not counted:
        notes_console().print("nothing was withheld")
    say_unreadable(unreadable, settings.alerts)
    return 0


def reason_of(one: Sent) -> str | None:
    """Return why the newest state of an episode is not on its channel; None if it is."""
    if one.held is not None:
        return one.held.reason
    return FAILED if one.told is not None and one.told.failed else None


def _table(found: list[Sent]) -> Table:
    table = Table("UTC", "symbol", "channel", "priority", "why", "text")
    for one in found:
        why = one.told.failed if one.told is not None and one.told.failed else None
        if one.held is not None:
            why = f"{one.held.reason} ({one.held.by})"
        priority = "" if one.priority is None else f"{one.priority:.1f}"
        at = one.at[5:19].replace("T", " ")
        table.add_row(*map(cell, (at, one.symbol, one.channel, priority, why or "", one.text)))
    return table
