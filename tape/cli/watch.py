"""`tape watch`: the pipeline live."""

import sys
from typing import Annotated, Final

import typer

from tape.cli.forms import AsForm, Form, csv_text, form_of
from tape.cli.output import notes_console
from tape.detection.registry import BUILT_IN, lineup, own_rules
from tape.errors import SettingsError
from tape.kafka.connect import COMMAND_WAIT_S, ready_broker
from tape.kafka.follower import Follower
from tape.process.interrupts import leave_it_to_asyncio
from tape.settings.detector import DetectorSettings
from tape.settings.load import load
from tape.sinks.fields import TABLE as ANOMALIES
from tape.sinks.sink import Item
from tape.view.alert import Seen
from tape.view.filters import WORDS, Filter, parse_rule, parse_symbols
from tape.view.lines import Shape, as_json, as_text, event_lines, stream, trade_lines
from tape.view.past import past_events, past_trades

AROUND = 20
"""Trades before and behind the flagged one that its details show."""
PAST: Final = 200
"""Events of before that the live view begins with."""


def watch(
    symbol: Annotated[str, typer.Option(help="Only these symbols, comma-separated.")] = "",
    rule: Annotated[str, typer.Option(help=f"Only this rule: {WORDS}.")] = "",
    profile: Annotated[
        str,
        typer.Option(help=f"Only what this detector flagged: {', '.join(BUILT_IN)}, or your own."),
    ] = "",
    min_severity: Annotated[
        float, typer.Option(min=0, max=8, help="Only what is at least this severe.")
    ] = 0.0,
    min_priority: Annotated[
        float, typer.Option(min=0, max=14, help="Only what has this priority at least.")
    ] = 0.0,
    suppressed: Annotated[
        bool, typer.Option("--suppressed", help="Only what RANKING_FILE suppresses.")
    ] = False,
    worst: Annotated[
        bool, typer.Option("--worst", help="Show the worst first, not the newest.")
    ] = False,
    trades: Annotated[
        bool, typer.Option("--trades", help="One line per flagged trade, not per event.")
    ] = False,
    form: AsForm = None,
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="Print messages of anomalies, one per line.")
    ] = False,
    last: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Show the newest N of before first, of those that the other options let through.",
            show_default=f"{PAST} in the live view, else 0",
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Stop after N lines (without the live view).")
    ] = None,
) -> int:
    """Show events as they come, and the state of the pipeline. Reads committed messages only.

    One line per event, an episode: its severity and priority, how many trades and shares, how far
    the price moved, and why. Keys: space pauses, p shows the worst first, e every trade, / filters
    by symbol, r by rule, v by severity, m by priority, f by profile, enter opens an event with its
    trades and those around, q ends. What a RANKING_FILE suppresses is counted, and listed with
    --suppressed.

    Without a terminal, and on one that cannot place text (TERM=dumb), it prints a line when an
    event opens and one when it is over.

    Example: tape watch --jsonl --rule volume | jq -r .reasons[0].text
    """
    settings = load(DetectorSettings)
    chosen = Filter(
        parse_symbols(symbol, "--symbol"),
        parse_rule(rule, "--rule", own_rules(settings.profile)),
        suppressed,
        profile,
        _rules_of(profile),
        min_severity,
        min_priority,
    )
    shape = _form(form, jsonl=jsonl)
    # Textual reads standard input and draws on standard error.
    able = sys.stdout.isatty() and sys.stdin.isatty() and sys.stderr.isatty()
    view = shape is None and able and not notes_console().is_dumb_terminal
    if view:
        _need_textual()
        if limit is not None:
            raise SettingsError("--limit is for lines", "add --jsonl, or leave it out")
    elif worst:
        raise SettingsError("--worst is for the live view", "lines come as events do: leave it out")
    ready_broker(settings.client_config(), [], wait_s=COMMAND_WAIT_S)
    if view:
        return _view(settings, chosen, PAST if last is None else last, worst, trades)
    return _lines(settings, chosen, shape or _usual(), last or 0, limit, trades)


def _rules_of(profile: str) -> frozenset[str]:
    """Return the rules of the detectors that --profile names."""
    if not profile:
        return frozenset()
    try:
        return frozenset(rule.name for rule in lineup(profile).rules)
    except SettingsError as error:
        cause = error.cause.replace("PROFILE", "--profile", 1)
        raise SettingsError(cause, error.remedy) from None


def _form(form: Form | None, *, jsonl: bool) -> Form | None:
    """Return the form that options ask for; None if they ask for none."""
    if form == "json":
        raise SettingsError("what comes live is no single JSON object", "use --format jsonl")
    if jsonl and form not in (None, "jsonl"):
        raise SettingsError(f"--jsonl and --format {form} are two forms", "leave one out")
    return "jsonl" if jsonl else form


def _usual() -> Form:
    usual = form_of(None, as_json=False)
    return "jsonl" if usual == "json" else usual


def _lines(
    settings: DetectorSettings,
    chosen: Filter,
    form: Form,
    last: int,
    limit: int | None,
    trades: bool,
) -> int:
    """Print what comes as lines."""
    by_event = form == "table" and not trades and not chosen.suppressed
    topic = settings.episodes if by_event else settings.output
    select = {topic: past_events(chosen) if by_event else past_trades(chosen)}
    notes = notes_console()
    with Follower(settings.client_config(), {topic: last}, select) as follower:
        return stream(
            follower,
            event_lines(chosen) if by_event else _shape(form, chosen),
            head=",".join(ANOMALIES.columns).encode() + b"\n" if form == "csv" else b"",
            limit=limit,
            tell=lambda text: notes.print(text, markup=False, highlight=False),
        )


def _shape(form: Form, chosen: Filter) -> Shape:
    return trade_lines(chosen, {"csv": _as_csv, "table": as_text}.get(form, as_json))


def _as_csv(one: Seen) -> bytes:
    rows, _ = ANOMALIES.cells([Item(one.raw)])
    return csv_text(rows, ANOMALIES.columns).partition("\n")[2].strip("\n").encode()


def _need_textual() -> None:
    try:
        import textual  # noqa: F401 - only whether it is there
    except ImportError:
        raise SettingsError(
            "the live view needs textual", "pip install 'tapewatch[desk]', or use --jsonl"
        ) from None


def _view(settings: DetectorSettings, chosen: Filter, last: int, worst: bool, trades: bool) -> int:
    from tape.kafka.neighbours import Around, trades_around
    from tape.view.board import TRADES_KEPT, Board
    from tape.view.feed import Live
    from tape.view.terminal.app import WatchApp

    client = settings.client_config()

    def around(one: Seen) -> Around | str:
        if one.source is None:
            return "the message has no source offset, so its neighbours cannot be loaded"
        return trades_around(client, settings.input, one.source, each=AROUND)

    # of trades that are not listed the newest are read, for who opens an event
    newest = {
        settings.output: last if trades else TRADES_KEPT,
        settings.episodes: last,
        settings.rejected: 0,
    }
    select = {settings.episodes: past_events(chosen)}
    if trades:
        select[settings.output] = past_trades(chosen)
    live = Live(settings, Follower(client, newest, select))
    board = Board(chosen=chosen, past_most=last, folded=not trades, by_priority=worst)
    live.start()
    try:
        leave_it_to_asyncio()
        app = WatchApp(board, live.news, around, _profiles(settings))
        exit_code = app.run()
    finally:
        live.end()
    return 1 if exit_code is None else exit_code


def _profiles(settings: DetectorSettings) -> dict[str, frozenset[str]]:
    """Return the rules of our detectors and of those that PROFILE names, by detector."""
    kinds = [*(kind for name in BUILT_IN for kind in lineup(name).kinds)]
    kinds += lineup(settings.profile).kinds
    return {kind.name: frozenset(rule.name for rule in kind.rules) for kind in kinds}
