"""`tape watch`: the pipeline live."""

import sys
from typing import Annotated

import typer

from tape.cli.output import notes_console
from tape.detection.registry import own_rules
from tape.errors import SettingsError
from tape.kafka.connect import COMMAND_WAIT_S, ready_broker
from tape.kafka.follower import Follower
from tape.process.interrupts import leave_it_to_asyncio
from tape.settings.detector import DetectorSettings
from tape.settings.load import load
from tape.view.filters import WORDS, Filter, parse_rule, parse_symbols
from tape.view.lines import as_json, as_text, stream

AROUND = 8
"""Trades before and behind the flagged one that its details show."""


def watch(
    symbol: Annotated[str, typer.Option(help="Only these symbols, comma-separated.")] = "",
    rule: Annotated[str, typer.Option(help=f"Only this rule: {WORDS}.")] = "",
    suppressed: Annotated[
        bool, typer.Option("--suppressed", help="Only what RANKING_FILE suppresses.")
    ] = False,
    jsonl: Annotated[
        bool,
        typer.Option(
            "--jsonl", help="Print messages, one per line; so it is anyway without a terminal."
        ),
    ] = False,
    last: Annotated[
        int | None,
        typer.Option(
            min=0, help="Show about N past anomalies first (200 in the live view, 0 with --jsonl)."
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Stop after N anomalies (--jsonl only).")
    ] = None,
) -> int:
    """Show anomalies as they come, and the state of the pipeline. Reads committed messages only.

    What a RANKING_FILE suppresses is counted, and listed with --suppressed.

    One line per episode, its worst trade. Keys: space pauses, p shows the highest priority first,
    e every trade, / filters by symbol, r by rule, enter shows one with the trades around it, q
    ends. On a terminal that cannot place text (TERM=dumb) it prints one line per anomaly.

    Example: tape watch --jsonl --rule volume | jq -r .reasons[0].text
    """
    settings = load(DetectorSettings)
    chosen = Filter(
        parse_symbols(symbol, "--symbol"),
        parse_rule(rule, "--rule", own_rules(settings.profile)),
        suppressed,
    )
    on_terminal = sys.stdout.isatty() and not jsonl
    # Textual reads standard input and draws on standard error.
    able = sys.stdin.isatty() and sys.stderr.isatty() and not notes_console().is_dumb_terminal
    view = on_terminal and able
    if view:
        _need_textual()
        if limit is not None:
            raise SettingsError("--limit is for streams", "add --jsonl, or leave it out")
    client = settings.client_config()
    ready_broker(client, [], wait_s=COMMAND_WAIT_S)
    if view:
        return _view(settings, chosen, 200 if last is None else last)
    notes = notes_console()
    with Follower(client, {settings.output: last or 0}) as follower:
        return stream(
            follower,
            chosen,
            as_text if on_terminal else as_json,
            limit=limit,
            tell=lambda text: notes.print(text, markup=False, highlight=False),
        )


def _need_textual() -> None:
    try:
        import textual  # noqa: F401 - only whether it is there
    except ImportError:
        raise SettingsError(
            "the live view needs textual", "pip install 'tapewatch[desk]', or use --jsonl"
        ) from None


def _view(settings: DetectorSettings, chosen: Filter, last: int) -> int:
    from tape.kafka.neighbours import Around, trades_around
    from tape.view.alert import Seen
    from tape.view.board import Board
    from tape.view.feed import Live
    from tape.view.terminal.app import WatchApp

    client = settings.client_config()

    def around(one: Seen) -> Around | str:
        if one.source is None:
            return "the message has no source offset, so its neighbours cannot be loaded"
        return trades_around(client, settings.input, one.source, each=AROUND)

    live = Live(settings, Follower(client, {settings.output: last, settings.rejected: 0}))
    live.start()
    try:
        leave_it_to_asyncio()
        app = WatchApp(Board(chosen=chosen), live.news, around)
        exit_code = app.run()
    finally:
        live.end()
    return 1 if exit_code is None else exit_code
