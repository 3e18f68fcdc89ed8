"""Grafana's boards without Grafana: each question is asked of a real PostgreSQL or Prometheus."""

import json
import re
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from prometheus_client import CollectorRegistry, start_http_server

from tape.kafka.local.ports import free_port
from tape.model.counts import SEVERITIES, Counts
from tape.ops.local_postgres import LocalPostgres, server_programs
from tape.page.board import Board
from tape.page.figures import PageFigures
from tape.page.frames import Feed
from tape.page.pulse import Pulse
from tape.process.alert_metrics import AlertMetrics
from tape.process.metrics import Metrics
from tape.process.sink_metrics import SinkMetrics
from tests.apps import ROOT
from tests.stores import Bench, as_item, changed, found, postgres_bench, put

FOLDER = ROOT / "monitoring/grafana"
NAMES = ("market", "pipeline", "quality")
GRID = 24
FROM, TO = "2025-05-05T00:00:00Z", "2025-05-06T00:00:00Z"
COUNT, OTHERS = 40, 3
"""Anomalies of the symbol that is shown, and of another."""


def board(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FOLDER / f"boards/{name}.json").read_text("utf-8"))
    return loaded


def targets(name: str) -> list[tuple[str, dict[str, Any]]]:
    """Title and query of every panel of a board."""
    return [(panel["title"], one) for panel in board(name)["panels"] for one in panel["targets"]]


ALL = [(name, title, one) for name in NAMES for title, one in targets(name)]
SQL = [(f"{name}: {title}", one) for name, title, one in ALL if "rawSql" in one]
PROMQL = [(f"{name}: {title}", one) for name, title, one in ALL if "expr" in one]


@pytest.mark.parametrize("name", NAMES)
def test_a_board_is_what_its_python_makes(name: str) -> None:
    pytest.importorskip(
        "grafana_foundation_sdk", reason="grafana-foundation-sdk is missing: pip install '.[dev]'"
    )
    from monitoring.grafana import write

    text = (FOLDER / f"boards/{name}.json").read_text("utf-8")
    assert text == write.text_of(write.BOARDS[name]), "run: python -m monitoring.grafana.write"
    assert set(write.BOARDS) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_board_is_whole(name: str) -> None:
    """What Grafana would not say: two of a name, one over the other, a source that is not there."""
    made = board(name)
    sources = yaml.safe_load((FOLDER / "provisioning/datasources/tapewatch.yml").read_text())
    known = {(one["type"], one["uid"]) for one in sources["datasources"]}
    panels = made["panels"]
    assert made["uid"] == f"tapewatch-{name}"
    for field in ("id", "title"):
        assert len({panel[field] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not taken & cells, panel["title"]
        assert max(x for x, _ in cells) < GRID
        taken |= cells
        assert panel["description"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        refs = [one["refId"] for one in panel["targets"]]
        assert len(set(refs)) == len(refs) > 0
        asked = [one["datasource"] for one in [panel, *panel["targets"]]]
        assert {(one["type"], one["uid"]) for one in asked} <= known
    for variable in made.get("templating", {}).get("list", []):
        assert variable["name"] in {"schema", "symbol", "budget"}


@pytest.fixture(scope="module")
def day(postgres: LocalPostgres) -> Iterator[Bench]:
    """A day with trades, anomalies, episodes, bars with a band, and decisions."""
    bench = postgres_bench(postgres)
    store = bench.opened()
    anomalies, episodes = found(COUNT)
    scored = [changed(one, severity=n % 9 + 0.5) for n, one in enumerate(anomalies)]
    names = list(dict.fromkeys(json.loads(one.value)["episode_id"] for one in episodes))
    bars = [
        {
            **{"symbol": "NVDA", "bar_start": f"2025-05-05T13:30:{n:02}Z", "open": 100.0},
            **{"high": 101.0, "low": 99.0, "close": 103.0 if n < 3 else 100.0, "volume": 500},
            **{"trades": 100, "flagged": 2},
            **{"lower": 99.0 if n < 30 else None, "upper": 102.0 if n < 30 else None},
        }
        for n in range(60)
    ]
    reviews = [
        {"episode_id": one, **step, "history": [step]}
        for one, step in (
            (names[0], decision("dismissed", "bad print")),
            ("elsewhere", decision("escalated", "news")),
        )
    ]
    items = [as_item(json.dumps(one).encode(), "bars", n) for n, one in enumerate(bars)]
    items += [as_item(json.dumps(one).encode(), "reviews", n) for n, one in enumerate(reviews)]
    others = [one for part in found(OTHERS, symbol="AMD") for one in part]
    assert put(store, [*scored, *episodes, *others, *items]) == []
    yield bench
    bench.close()


def decision(state: str, reason: str) -> dict[str, Any]:
    at = "2025-05-05T14:00:00Z"
    return {"state": state, "reason": reason, "note": "", "tags": [], "by": "ann", "at": at}


MACRO = re.compile(r"\$__(\w+)\(([^)]*)\)")
"""As Grafana's plug-in reads them: up to the first bracket that closes."""


def as_grafana_sends(text: str, schema: str, step_s: int = 60) -> str:
    """Fill in variables and macros as Grafana does before it asks."""
    for name, value in (("schema", schema), ("symbol", "NVDA"), ("budget", "1.5")):
        text = re.sub(rf"\${name}\b", value, text)
    text = text.replace("$__interval", f"{step_s}s")

    def expanded(match: re.Match[str]) -> str:
        name, words = match[1], [word.strip() for word in match[2].split(",")]
        if name == "timeFilter":
            return f"{words[0]} BETWEEN '{FROM}' AND '{TO}'"
        assert (name, words[1:]) == ("timeGroup", [f"{step_s}s"])
        return f"floor(extract(epoch from {words[0]})/{step_s})*{step_s}"

    text = MACRO.sub(expanded, text)
    assert "$" not in text
    return text


def answer(bench: Bench, server: LocalPostgres, text: str) -> list[dict[str, Any]]:
    asked = as_grafana_sends(text, bench.env["POSTGRES_SCHEMA"])
    with psycopg.connect(server.url()) as connection:
        rows = connection.execute(asked.encode())
        columns = [one.name for one in rows.description or ()]
        assert len(set(columns)) == len(columns)
        return [dict(zip(columns, row, strict=True)) for row in rows]


@pytest.mark.parametrize(("title", "target"), SQL, ids=[name for name, _ in SQL])
def test_every_question_in_sql_has_an_answer(
    title: str, target: dict[str, Any], day: Bench, postgres: LocalPostgres
) -> None:
    rows = answer(day, postgres, target["rawSql"])
    assert rows
    if target["format"] == "time_series":
        assert all(row["time"].tzinfo is not None for row in rows)
        times = [row["time"] for row in rows]
        assert times == sorted(times), "Grafana does not sort"


def rows_of(day: Bench, server: LocalPostgres, title: str, nth: int = 0) -> list[dict[str, Any]]:
    asked = [one for name, one in SQL if name.partition(": ")[2] == title]
    return answer(day, server, asked[nth]["rawSql"])


def test_the_panels_count_what_is_there(day: Bench, postgres: LocalPostgres) -> None:
    """By hand: 40 and 3 anomalies, 60 bars of 100 trades of which 2 are flagged, two decisions."""
    (totals,) = rows_of(day, postgres, "Found")
    assert totals["flagged trades"] == COUNT + OTHERS
    assert totals["symbols"] == 2
    assert totals["episodes"] - totals["not decided"] == 1
    for title in ("Flagged trades by severity", "Flagged trades by venue"):
        assert sum(row["value"] for row in rows_of(day, postgres, title)) == COUNT + OTHERS
    (minute,) = rows_of(day, postgres, "Price of $symbol")
    del minute["time"]
    assert minute == {"open": 100, "high": 101, "low": 99, "close": 100, "volume": 30_000}
    (band,) = rows_of(day, postgres, "$symbol against what would have been normal")
    assert (band["lower"], band["upper"]) == (99, 102), "the last one that is known"
    dots = rows_of(day, postgres, "$symbol against what would have been normal", 1)
    assert len(dots) == COUNT
    (share,) = rows_of(day, postgres, "Flagged per 10,000 trades, against the budget")
    assert (share["flagged"], share["budget"]) == (200, 1.5)
    (outside,) = rows_of(day, postgres, "Seconds that closed outside their band")
    assert outside["outside"] == pytest.approx(3 / 30)
    kinds = {row["kind"]: row for row in rows_of(day, postgres, "Reviews by kind")}
    assert kinds["not known"]["confirmed"] == 1
    (dismissed,) = (row for name, row in kinds.items() if name != "not known")
    assert (dismissed["dismissed"], dismissed["share confirmed"]) == (1, 0)
    levels = {row["severity at least"]: row for row in rows_of(day, postgres, PER_SEVERITY)}
    assert levels[7]["flagged"] == sum(n % 9 >= 7 for n in range(COUNT))
    assert levels[3]["meant"] == pytest.approx(6.0)


PER_SEVERITY = "Flagged trades per severity"


def test_the_marks_and_the_choice_of_a_symbol_are_sql_too(
    day: Bench, postgres: LocalPostgres
) -> None:
    made = board("market")
    marks = [one for one in made["annotations"]["list"] if "target" in one]
    assert [one["name"] for one in marks] == ["Anomalies", "Episodes"]
    for mark in marks:
        rows = answer(day, postgres, mark["target"]["rawSql"])
        assert rows
        assert {"time", "text", "tags"} <= rows[0].keys()
        assert all(row["text"] for row in rows)
    (choice,) = (one for one in made["templating"]["list"] if one["name"] == "symbol")
    assert answer(day, postgres, choice["query"]) == [{"symbol": "NVDA"}, {"symbol": "AMD"}]


def registries() -> list[CollectorRegistry]:
    """Of each app one, with a sample of each kind."""
    counts = Counts(flagged=Counter(isolated=3), episodes=Counter(opened=2))
    counts.scored["calibrated"] = 10_000
    counts.severe.update({("calibrated", level): 10 ** (4 - level) for level in SEVERITIES})
    alerter = AlertMetrics(["slack"])
    alerter.watch("slack", lambda: 1)
    apps = [Metrics("x", counts), SinkMetrics("postgres"), alerter]
    for app in apps:
        app.answers = lambda: True
        app.told_lag(5)
    board = Board()
    page = PageFigures(board, Feed(board, Pulse(connected=True)))
    return [*(app.registry for app in apps), page.registry()]


def exported() -> set[str]:
    """Return the names that the apps export, as Prometheus stores them."""
    names = {"up"}
    for registry in registries():
        for family in registry.collect():
            if family.type == "histogram":
                names |= {f"{family.name}_{part}" for part in ("bucket", "count", "sum")}
            names.add(f"{family.name}_total" if family.type == "counter" else family.name)
    return names


METRIC = re.compile(r"\b(up|process_\w+|tapewatch_\w+)(?=[{\[])")


@pytest.mark.parametrize(("title", "target"), PROMQL, ids=[name for name, _ in PROMQL])
def test_every_metric_of_a_board_is_one_that_the_apps_export(
    title: str, target: dict[str, Any]
) -> None:
    asked = METRIC.findall(target["expr"])
    assert asked
    assert set(asked) <= exported()


def tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed (Debian: apt-get install prometheus)")
    return path


def test_every_question_in_promql_is_one(tmp_path: Path) -> None:
    rules = [
        {"record": f"board:{n}", "expr": target["expr"].replace("$__rate_interval", "1m")}
        for n, (_, target) in enumerate(PROMQL)
    ]
    file = tmp_path / "boards.rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "boards", "rules": rules}]}))
    done = subprocess.run([tool("promtool"), "check", "rules", str(file)], capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules)} rules found".encode() in done.stdout


@pytest.mark.full
def test_a_real_prometheus_answers_every_question(tmp_path: Path) -> None:
    program, servers, ports = tool("prometheus"), [], []
    for registry in registries():
        ports.append(free_port())
        servers.append(start_http_server(ports[-1], "127.0.0.1", registry)[0])
    own = free_port()
    where = [{"targets": [f"127.0.0.1:{port}" for port in ports]}]
    job = {"job_name": "tapewatch", "static_configs": where}
    config = {"global": {"scrape_interval": "1s"}, "scrape_configs": [job]}
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    words = [program, f"--config.file={tmp_path}/prometheus.yml", "--log.level=error"]
    words += [f"--storage.tsdb.path={tmp_path}/data", f"--web.listen-address=127.0.0.1:{own}"]
    running = subprocess.Popen(words)
    try:
        silent = [one["expr"] for _, one in PROMQL if not asked(own, one["expr"], patience_s=20)]
        assert silent == []
    finally:
        running.terminate()
        running.wait(20)
        for server in servers:
            server.shutdown()
            server.server_close()


def asked(port: int, expr: str, *, patience_s: float) -> list[Any]:
    """What Prometheus answers, once it has scraped often enough to have an answer."""
    query = urllib.parse.urlencode({"query": expr.replace("$__rate_interval", "30s")})
    deadline_s = time.monotonic() + patience_s
    while True:
        try:
            url = f"http://127.0.0.1:{port}/api/v1/query?{query}"
            with urllib.request.urlopen(url, timeout=5) as response:
                found = json.load(response)
            assert found["status"] == "success"
            rows: list[Any] = found["data"]["result"]
            if rows:
                return rows
        except OSError:
            rows = []
        if time.monotonic() > deadline_s:
            return rows
        time.sleep(0.5)


def test_scrapes_find_every_app_of_the_stacks() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    scrape = yaml.safe_load((ROOT / "monitoring/prometheus/compose.yml").read_text())
    (job,) = scrape["scrape_configs"]
    (found_by,) = job["dns_sd_configs"]
    apps = {name for name, one in compose.items() if "METRICS_PORT" in one.get("environment", {})}
    assert set(found_by["names"]) == apps
    assert {compose[name]["environment"]["METRICS_PORT"] for name in apps} == {
        str(found_by["port"])
    }
    (pods,) = yaml.safe_load((ROOT / "monitoring/prometheus/kubernetes.yml").read_text())[
        "scrape_configs"
    ]
    kept = {one["source_labels"][0]: one["regex"] for one in pods["relabel_configs"][:3]}
    for file in (ROOT / "ops/kubernetes").glob("*.yaml"):
        for one in yaml.safe_load_all(file.read_text()):
            if one["kind"] not in ("StatefulSet", "Job"):
                continue
            pod = one["spec"]["template"]
            about = pod["metadata"]
            assert re.fullmatch(kept["__meta_kubernetes_pod_label_app"], about["labels"]["app"])
            assert about["annotations"]["prometheus.io/scrape"] == "true", file.name
            names = {p["name"] for c in pod["spec"]["containers"] for p in c["ports"]}
            assert kept["__meta_kubernetes_pod_container_port_name"] in names
    for name in ("compose", "kubernetes"):
        loaded = yaml.safe_load((ROOT / f"monitoring/prometheus/{name}.yml").read_text())
        assert loaded["scrape_configs"][0]["job_name"] == "tapewatch", "as boards and rules have it"


def test_the_boards_ask_for_the_severities_that_are_counted() -> None:
    told = {level for _, one in PROMQL for level in re.findall(r'severity="(\d)"', one["expr"])}
    assert told == set(map(str, SEVERITIES))


def test_promtool_takes_the_scrape_configuration_of_compose() -> None:
    words = [tool("promtool"), "check", "config", str(ROOT / "monitoring/prometheus/compose.yml")]
    assert subprocess.run(words, check=False, capture_output=True).returncode == 0


WORD = "it's a word"


def test_grafana_s_user_reads_what_comes_later_and_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("own")
    for path in (FOLDER / "reader.sql", ROOT / "tape/sinks/postgres/sql/grants.sql"):
        shutil.copy(path, folder)
    with LocalPostgres(folder / "data", free_port()) as server:
        words = [str(server_programs() / "psql"), server.url(), "-q", "-v", "ON_ERROR_STOP=1"]
        for _ in range(2):
            done = subprocess.run(
                [*words, "-f", str(folder / "reader.sql")],
                env={"GRAFANA_READER_PASSWORD": WORD},
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, done.stderr
        with psycopg.connect(server.url(), autocommit=True) as owner:
            owner.execute("create table tapewatch.later as select 1 as one")
        with psycopg.connect(server.url(), user="grafana", password=WORD) as eye:
            assert eye.execute("select one from tapewatch.later").fetchone() == (1,)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                eye.execute("delete from tapewatch.later")
