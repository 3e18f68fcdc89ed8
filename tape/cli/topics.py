"""`tape topics`: the pipeline's topics on any broker, from their one definition."""

from typing import Annotated

import typer
from rich.table import Table

from tape.cli.forms import AsForm, AsJson, Form, form_of, show
from tape.cli.output import say
from tape.errors import BrokerError
from tape.kafka.connect import COMMAND_WAIT_S, ready_broker
from tape.kafka.topics import (
    TopicSpec,
    TopicState,
    alter_topics,
    create_topics,
    how_to_fix,
    pipeline_topics,
    topic_states,
)
from tape.process.terminal_text import cell
from tape.settings.alerter import alerts_topic
from tape.settings.detector import DetectorSettings
from tape.settings.load import load
from tape.settings.page import reviews_topic

app = typer.Typer(
    help="The pipeline's topics: create, show, check and alter them on any broker.",
    no_args_is_help=True,
    add_completion=False,
)


@app.command()
def create(form: AsForm = None, as_json: AsJson = False) -> int:
    """Create the topics that are missing. Exit code 4 if some differ from what is needed.

    Running it again does no harm. Differences that are only advice are shown, with exit code 0.

    Example: Quix__Broker__Address=redpanda:9092 tape topics create
    """
    shape = form_of(form, as_json)
    settings = load(DetectorSettings)
    client = settings.client_config()
    specs = _specs(settings)
    ready_broker(client, [], wait_s=COMMAND_WAIT_S)
    created = create_topics(client, specs)
    states = topic_states(client, specs)
    names = f"created: {cell(', '.join(created))}" if created else "nothing to create"
    rows = [_fields(state) for state in states]
    show(shape, {"created": created, "topics": rows}, lambda: [names], rows)
    for fault in (fault for state in states for fault in state.faults()):
        if fault.weight == "advice":  # topics of an earlier version work as they did
            say(f"note: {fault.text}; {fault.fix}", err=True)
    return _verdict(settings, states, advice=False)


@app.command("show")
def show_topics(form: AsForm = None, as_json: AsJson = False) -> int:
    """Show the topics as the broker has them, beside what the pipeline needs.

    Example: tape topics show
    """
    shape = form_of(form, as_json)
    _print(_states(load(DetectorSettings)), shape)
    return 0


@app.command()
def check(form: AsForm = None, as_json: AsJson = False) -> int:
    """Compare the topics with what the pipeline needs. Exit code 4 if one is missing or differs.

    Example: tape topics check && python anomaly_detector/main.py
    """
    shape = form_of(form, as_json)
    settings = load(DetectorSettings)
    states = _states(settings)
    _print(states, shape)
    return _verdict(settings, states)


@app.command()
def alter(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    form: AsForm = None,
    as_json: AsJson = False,
) -> int:
    """Change the configuration of existing topics to what the pipeline needs; asks first.

    It deletes nothing: a topic that keeps its records for longer stays so. It does not change
    partitions and copies. Exit code 4 if something still differs.

    Example: tape topics alter --yes
    """
    shape = form_of(form, as_json)
    settings = load(DetectorSettings)
    client = settings.client_config()
    states = _states(settings)
    wrong = {state.spec.name: state.wrong_settings() for state in states}
    wanted = [f"{name}: {key}={value}" for name, of in wrong.items() for key, value in of.items()]
    if wanted and not yes:
        say("\n".join(wanted), err=True)
        if not typer.confirm("set these?", err=True):
            return 0
    altered = alter_topics(client, states)
    states = topic_states(client, _specs(settings))
    lines = [cell(f"{name}: {words}") for name, words in altered.items()]
    rows = [_fields(state) for state in states]
    whole = {"altered": altered, "topics": rows}
    show(shape, whole, lambda: ["\n".join(lines) or "nothing to alter"], rows)
    return _verdict(settings, states)


def _specs(settings: DetectorSettings) -> list[TopicSpec]:
    return pipeline_topics(
        *settings.topics(),
        settings.consumer_group,
        state_bytes=settings.state_bytes_max,
        alerts=alerts_topic(),
        reviews=reviews_topic(),
        bars=settings.bars_to,
    )


def _states(settings: DetectorSettings) -> list[TopicState]:
    client = settings.client_config()
    ready_broker(client, [], wait_s=COMMAND_WAIT_S)
    return topic_states(client, _specs(settings))


def _verdict(settings: DetectorSettings, states: list[TopicState], *, advice: bool = True) -> int:
    """Return 0 if all topics are as they should be; else raise with every difference named."""
    faults = [fault for state in states for fault in state.faults()]
    found = [fault.text for fault in faults if advice or fault.weight != "advice"]
    if not found:
        return 0
    raise BrokerError(
        f"topics at {settings.broker_address} differ from what the pipeline needs "
        f"({'; '.join(found)})",
        how_to_fix(states),
    )


def _fields(state: TopicState) -> dict[str, object]:
    return {
        "name": state.spec.name,
        "partitions": state.partitions,
        "copies": state.copies,
        "config": state.config,
        "differences": state.differences(),
    }


def _print(states: list[TopicState], form: Form) -> None:
    rows = [_fields(state) for state in states]
    show(form, {"topics": rows}, lambda: [_table(states)], rows)


def _table(states: list[TopicState]) -> Table:
    table = Table("topic", "partitions", "configuration", "verdict")
    for state in states:
        name = cell(state.spec.name)
        settings = (f"{key}={value}" for key, value in state.config.items() if value)
        config = "\n".join(map(cell, settings))
        wrong = [text.removeprefix(f"{state.spec.name}: ") for text in state.differences()]
        there = bool(state.partitions)
        verdict = "\n".join(map(cell, wrong)) or "as needed"
        table.add_row(
            name, str(state.partitions) if there else "-", config if there else "-", verdict
        )
    return table
