"""Broker, topics, producer and detector, from the first file to the last anomaly."""

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from tape.archives import count_rows_hint, find_archives
from tape.errors import BrokerError, TapeError
from tape.kafka.local.broker import HOST, LocalKafka, free_port
from tape.kafka.local.ports import PortTakenError
from tape.kafka.reader import ProgressReader, in_tape_order, read_topic
from tape.kafka.topics import create_topics, pipeline_topics
from tape.ops.app_files import app_main
from tape.ops.demo.app_process import Supervised
from tape.ops.demo.books import Books, read_books
from tape.ops.demo.page import page_beside, stay_open, url_of
from tape.ops.demo.progress import TradeProgress
from tape.ops.demo.store import Stored, store_found
from tape.process.clock import CLOCK
from tape.process.own_folder import empty_own, make_own
from tape.process.whole_file import OutputFile
from tape.settings.detector import DetectorSettings
from tape.settings.load import load
from tape.settings.page import PageSettings
from tape.settings.sink import SinkName, SinkSettings

PORT = 19_092
"""The same as that of `tape broker`."""
LIMIT_S = 3_600.0
"""A demo that takes longer is stuck."""
SETTLE_S = 10.0
"""How long nothing comes before all is taken as read."""
APPS = ("producer", "anomaly_detector")
PARTS = ("broker", "state")
"""Folders inside the run's own, with the marker of their own: fresh each time."""


@dataclass(slots=True)
class DemoRun:
    """What a run left behind and how it went; `books` are checked."""

    data: Path
    anomalies_file: Path
    books: Books = field(default_factory=lambda: Books(0, 0))
    anomalies: list[bytes] = field(default_factory=list)
    rejected: dict[str, int] = field(default_factory=dict)
    producer_s: float = 0.0
    pipeline_s: float = 0.0
    rss_max_bytes: dict[str, int] = field(default_factory=dict)
    restarts: dict[str, int] = field(default_factory=dict)
    producer_exit_code: int = 0
    samples: list[tuple[float, int, int]] = field(default_factory=list)
    """Seconds since the start, offsets written and committed; four a second.

    A transaction's mark on a partition has an offset too, so these are a few more than trades.
    """
    rss_samples: list[tuple[float, dict[str, int]]] = field(default_factory=list)
    """Seconds since the start, resident bytes of each app; as often."""
    stored: Stored | None = None
    """What lies in the store, if there was to be one."""


def run_pipeline(
    data: Path,
    out: Path,
    settings: DetectorSettings,
    sink: SinkName | None = None,
    page: PageSettings | None = None,
    told: Callable[[DemoRun], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
    **more: str,
) -> DemoRun:
    """Run the pipeline over a folder of archives and keep what `anomalies` holds then.

    With `sink`, it goes into that store too. With `page`, that page is beside it, and this returns
    when somebody ends it by Ctrl-C. `told` is given the run once all is judged, `say` a sentence
    about the page. `more` are settings of the apps, as environment variables.
    Everything it starts it stops; the broker's files and the apps' state are fresh each time.
    `out` is a folder of ours, held by the caller while the run lasts (`own_folder`).
    Raises `TapeError` with the app's log named if an app ends badly.
    """
    archives = find_archives(data).archives
    expected = sum(count_rows_hint(archive) for archive in archives)
    run = DemoRun(data, out / "anomalies.jsonl")
    for part in PARTS:
        empty_own(out / part)
        make_own(out / part)
    for name in APPS:
        (out / f"{name}.log").unlink(missing_ok=True)
    with _broker(out / "broker" / "data") as kafka:
        env = _environment(kafka, run, out, more)
        client = {"bootstrap.servers": kafka.address}
        create_topics(
            client,
            pipeline_topics(*settings.topics(), settings.consumer_group, bars=settings.bars_to),
        )
        if page is None:
            _run(run, out, client, settings, env, expected, sink)
            told(run)
        else:
            with page_beside(page, client, env, out) as app:
                say(f"the page: {url_of(page)}")
                _run(run, out, client, settings, env, expected, sink)
                told(run)
                stay_open(app, out / "dashboard.log", say)
    empty_own(out / "broker")
    return run


def _environment(
    kafka: LocalKafka, run: DemoRun, out: Path, more: Mapping[str, str]
) -> dict[str, str]:
    """Return the settings of the apps."""
    return {
        "Quix__Broker__Address": kafka.address,
        "Quix__Deployment__State__Path": str(out / "state"),
        "KAFKA_SECURITY_PROTOCOL": "PLAINTEXT",
        "INSTANCE": "demo",
        "DATA_DIR": str(run.data.resolve()),
        "LOG_FORMAT": "plain",
        **more,
    }


def _run(
    run: DemoRun,
    out: Path,
    client: dict[str, str],
    settings: DetectorSettings,
    env: dict[str, str],
    expected: int,
    sink: SinkName | None,
) -> None:
    """Drive the apps until all is judged, and collect what they found."""
    _drive(run, out, client, settings, env, expected)
    _collect(run, client, settings)
    once = not run.restarts.get("anomaly_detector")
    log_file = out / "anomaly_detector.log" if once else None
    run.books = read_books(client, settings.input, log_file)
    run.books.check()
    if sink is not None:
        run.stored = store_found(sink, out, load(SinkSettings), client, env)


@contextmanager
def _broker(data_dir: Path) -> Iterator[LocalKafka]:
    """Run a broker of our own; on another port where a second demo took the usual one just now."""
    try:
        kafka = LocalKafka(data_dir, _port()).start()
    except PortTakenError:
        kafka = LocalKafka(data_dir, free_port()).start()
    try:
        yield kafka
    finally:
        kafka.stop()


def _drive(
    run: DemoRun,
    out: Path,
    client: dict[str, str],
    settings: DetectorSettings,
    env: dict[str, str],
    expected: int,
) -> None:
    """Start both apps and wait until the detector has committed all that the producer sent."""
    apps: dict[str, Supervised] = {}
    reader = ProgressReader(client, settings.input, settings.consumer_group)
    trades = TradeProgress(client, settings.input)
    start_s = CLOCK.now_s()
    try:
        for name in APPS:
            log_file = out / f"{name}.log"
            apps[name] = Supervised(app_main(name), env, log_file, ends_with_us=True)
        with _bars() as bars:
            sent = bars.add_task("sent to stocks", total=expected)
            seen = bars.add_task("judged", total=expected)
            while True:
                producer_code = apps["producer"].exit_code()
                _check(apps, out, producer_code)
                try:
                    progress = reader.read()
                except BrokerError:
                    continue
                if producer_code is not None and not run.producer_s:
                    run.producer_s = CLOCK.now_s() - start_s
                    expected = trades.producer_done()
                    bars.update(sent, total=expected)
                    bars.update(seen, total=expected)
                now_s = CLOCK.now_s() - start_s
                run.samples.append((now_s, progress.written, progress.committed))
                run.rss_samples.append((now_s, {a.name: a.rss_bytes for a in apps.values()}))
                bars.update(sent, completed=trades.sent())
                bars.update(seen, completed=trades.judged(progress))
                if producer_code is not None and progress.committed >= progress.written:
                    break
                if CLOCK.now_s() - start_s > LIMIT_S:
                    raise TapeError("the pipeline is not done after an hour", f"read {out}/*.log")
                CLOCK.sleep(0.25)
        run.producer_exit_code = producer_code
        run.pipeline_s = CLOCK.now_s() - start_s
    finally:
        reader.close()
        trades.close()
        for app in apps.values():
            app.stop()
            run.rss_max_bytes[app.name] = app.rss_max_bytes
            run.restarts[app.name] = app.restarts


def _check(apps: dict[str, Supervised], out: Path, producer_code: int | None) -> None:
    detector_code = apps["anomaly_detector"].exit_code()
    if detector_code is not None:
        raise _ended("anomaly_detector", detector_code, out)
    if producer_code not in (None, 0, 2):  # 2: some input was damaged, the rest was sent
        raise _ended("producer", producer_code, out)


def _ended(name: str, code: int | None, out: Path) -> TapeError:
    lines = (out / f"{name}.log").read_text(errors="replace").strip().splitlines()
    last = lines[-1] if lines else "it wrote nothing"
    return TapeError(
        f"the {name} ended with exit code {code}: {last}", f"read its log, {out / name}.log"
    )


def _collect(run: DemoRun, client: dict[str, str], settings: DetectorSettings) -> None:
    run.anomalies = in_tape_order(read_topic(client, settings.output, settle_s=SETTLE_S))
    with OutputFile(run.anomalies_file) as file:
        for value in run.anomalies:
            file.write(value + b"\n")
    for message in (m for lane in read_topic(client, settings.rejected) for m in lane):
        reason = dict(message.headers() or [])["reason"].decode()
        run.rejected[reason] = run.rejected.get(reason, 0) + 1


def _bars() -> Bars:
    return Bars(
        TextColumn("{task.description:15}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("trades"),
        TimeRemainingColumn(),
    )


def _port() -> int:
    """Return the quick starts' port if nobody listens there, else one that is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, PORT))
        except OSError:
            return free_port()
    return PORT
