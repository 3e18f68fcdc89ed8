"""`tape broker`: a local Apache Kafka in the background."""

import json
import os
import shlex
import signal
from pathlib import Path
from typing import Annotated

import msgspec
import platformdirs
import typer

from tape.cli.forms import AsForm, AsJson, form_of, show
from tape.cli.output import say
from tape.errors import BrokerError
from tape.kafka.local.broker import HOST, LocalKafka
from tape.kafka.topics import create_topics, pipeline_topics
from tape.process.clock import CLOCK
from tape.process.own_folder import private
from tape.process.regular_file import read_file

app = typer.Typer(
    help="A local Apache Kafka, for one machine: loopback only, no replication.",
    no_args_is_help=True,
    add_completion=False,
)
PORT = 19_092
"""The compose file's Redpanda listens there too: messages and docs need one address only."""
STOP_S = 30.0


class _Running(msgspec.Struct, frozen=True):
    """What `broker.json` holds; an id below 2 would stand for other processes than a broker's."""

    pid: Annotated[int, msgspec.Meta(ge=2, lt=2**31)]
    port: Annotated[int, msgspec.Meta(ge=1, le=65_535)]


def _home(data: Path | None) -> Path:
    """Return the broker's directory, absolute: the process is known by it."""
    return (data or Path(platformdirs.user_data_dir("tapewatch")) / "broker").resolve()


Data = Annotated[Path | None, typer.Option(help="Where the broker keeps its files.")]


Port = Annotated[int, typer.Option(min=1, max=65_535, help="Port to listen on, at 127.0.0.1.")]


@app.command()
def start(port: Port = PORT, data: Data = None) -> int:
    """Start the broker in the background and create the pipeline's topics.

    Example: tape broker start --port 19093
    """
    home = _home(data)
    running = _running(home)
    if running is not None:
        _create_topics(running["port"])
        say(f"already running at 127.0.0.1:{running['port']} (pid {running['pid']})")
        return 0
    kafka = LocalKafka(home / "data", port, die_with_parent=False).start()
    with open(home / "broker.json", "w", opener=private) as file:
        file.write(json.dumps({"pid": kafka.pid, "port": port}))
    _create_topics(port)
    say(
        f"Apache Kafka at {kafka.address} (pid {kafka.pid}), for this machine only, without "
        f"replication; files in {home}. {_what_next(port, data)}"
    )
    return 0


def _what_next(port: int, data: Path | None) -> str:
    """Return how to reach a broker that is not where the apps look, and how to end it."""
    where = "" if data is None else f" --data {shlex.quote(str(data))}"
    reach = "" if port == PORT else f"For the apps: export Quix__Broker__Address={HOST}:{port}. "
    return f"{reach}`tape broker stop{where}` ends it."


@app.command()
def stop(data: Data = None) -> int:
    """Stop the broker; its topics are kept for the next start."""
    home = _home(data)
    running = _running(home)
    if running is None:
        say("not running")
        return 0
    os.kill(running["pid"], signal.SIGTERM)
    os.kill(running["pid"], signal.SIGCONT)  # a paused one would not hear it
    if not _ended(home, STOP_S):
        os.kill(running["pid"], signal.SIGKILL)
        if not _ended(home, STOP_S):
            raise BrokerError(f"pid {running['pid']} does not end", f"see {home}")
    (home / "broker.json").unlink(missing_ok=True)
    say("stopped")
    return 0


@app.command()
def status(
    data: Data = None,
    form: AsForm = None,
    as_json: AsJson = False,
) -> int:
    """Show whether the broker runs, and where."""
    shape = form_of(form, as_json)
    running = _running(_home(data))
    text = "not running; `tape broker start` starts one"
    if running is not None:
        text = f"running at 127.0.0.1:{running['port']} (pid {running['pid']})"
    show(shape, {"running": running is not None, **(running or {})}, lambda: [text])
    return 0


def _create_topics(port: int) -> None:
    client = {"bootstrap.servers": f"127.0.0.1:{port}"}
    create_topics(
        client,
        pipeline_topics(group="anomaly-detector", alerts="alerts", bars="bars", reviews="reviews"),
    )


def _ended(home: Path, within_s: float) -> bool:
    deadline_s = CLOCK.now_s() + within_s
    while _running(home) is not None:
        if CLOCK.now_s() > deadline_s:
            return False
        CLOCK.sleep(0.1)
    return True


def _running(home: Path) -> dict[str, int] | None:
    """Return pid and port of the broker if it runs.

    The process must still be a Kafka on these files: after a reboot its id may be another's.
    """
    file = home / "broker.json"
    try:
        known = msgspec.json.decode(read_file(file), type=_Running)
        state = Path(f"/proc/{known.pid}/status")
        if state.exists() and "State:\tZ" in state.read_text():
            return None  # ended, not yet reaped
        command = Path(f"/proc/{known.pid}/cmdline")
        if command.exists() and str(home / "data").encode() not in command.read_bytes():
            return None
        os.kill(known.pid, 0)
    except (OSError, ValueError, RecursionError, msgspec.MsgspecError):
        return None
    return {"pid": known.pid, "port": known.port}


if __name__ == "__main__":
    app()
