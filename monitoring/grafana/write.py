"""Writes the boards as Grafana's JSON.

Run: python -m monitoring.grafana.write

The classes are those of `grafana-foundation-sdk`, which knows what Grafana reads; it has none for
SQL, so that query is ours.
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

from grafana_foundation_sdk.builders import (
    candlestick,
    dashboard,
    prometheus,
    stat,
    table,
    timeseries,
)
from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as models

from monitoring.grafana.market import MARKET
from monitoring.grafana.panels import Board, Note, Panel, Query
from monitoring.grafana.pipeline import PIPELINE
from monitoring.grafana.quality import QUALITY

FOLDER: Final = Path(__file__).parent / "boards"
BOARDS: Final = {"market": MARKET, "pipeline": PIPELINE, "quality": QUALITY}

KINDS: Final = {"postgres": "grafana-postgresql-datasource", "prometheus": "prometheus"}
UIDS: Final = {"postgres": "tapewatch-postgres", "prometheus": "tapewatch-prometheus"}
"""Of the data sources: their plug-in, and the uid that `provisioning` gives them."""
GRID_WIDTH: Final = 24
REFRESH: Final = "30s"
SCHEMA: Final = "tapewatch"
"""POSTGRES_SCHEMA's default; a board has it as a variable."""

VIEWS: Final[dict[str, Any]] = {
    "lines": timeseries.Panel,
    "stacked": timeseries.Panel,
    "candles": candlestick.Panel,
    "table": table.Panel,
    "numbers": stat.Panel,
}


def source_of(query: Query) -> common.DataSourceRef:
    """Return the reference to the source of a query."""
    return common.DataSourceRef(type_val=KINDS[query.source], uid=UIDS[query.source])


class SqlQuery:
    """A query of Grafana's PostgreSQL plug-in, as it stands in a board."""

    def __init__(self, text: str, ref_id: str, form: str) -> None:
        self._text, self._ref_id, self._form = text, ref_id, form

    def build(self) -> "SqlQuery":
        """Return itself: builders are asked for what they have built."""
        return self

    def to_json(self) -> dict[str, object]:
        """Return what Grafana reads."""
        return {
            "refId": self._ref_id,
            "datasource": {"type": KINDS["postgres"], "uid": UIDS["postgres"]},
            "editorMode": "code",
            "rawQuery": True,
            "rawSql": self._text,
            "format": self._form,
        }


def target_of(query: Query, view: str, ref_id: str) -> Any:
    """Return the builder of a panel's query."""
    if query.source == "postgres":
        is_series = view in ("lines", "stacked")
        return SqlQuery(query.text, ref_id, "time_series" if is_series else "table")
    made = prometheus.Dataquery().expr(query.text).legend_format(query.legend).ref_id(ref_id)
    return made.range().datasource(source_of(query))


def panel_of(panel: Panel) -> Any:
    """Return the builder of a panel, not yet placed."""
    made = VIEWS[panel.view]().title(panel.title).description(panel.meaning).unit(panel.unit)
    made = made.datasource(source_of(panel.queries[0]))
    if panel.step:
        made = made.interval(panel.step)
    if panel.view == "lines":
        made = made.show_points(common.VisibilityMode.NEVER).span_nulls(False)
    if panel.view == "stacked":
        stacked = common_builders.StackingConfig().mode(common.StackingMode.NORMAL)
        made = made.draw_style(common.GraphDrawStyle.BARS).fill_opacity(80).stacking(stacked)
    if panel.view == "candles":
        made = made.include_all_fields(False)
    for name in panel.dots:
        drawn = [models.DynamicConfigValue("custom.drawStyle", "points")]
        drawn.append(models.DynamicConfigValue("custom.showPoints", "always"))
        made = made.override_by_name(name, drawn)
    for nth, query in enumerate(panel.queries):
        made = made.with_target(target_of(query, panel.view, chr(ord("A") + nth)))
    return made


def places(panels: tuple[Panel, ...]) -> list[models.GridPos]:
    """Return where panels go: one after the other, from left to right, rows below rows."""
    found, x, y, deepest = [], 0, 0, 0
    for panel in panels:
        if x + panel.width > GRID_WIDTH:
            x, y, deepest = 0, y + deepest, 0
        found.append(models.GridPos(h=panel.height, w=panel.width, x=x, y=y))
        x, deepest = x + panel.width, max(deepest, panel.height)
    return found


def annotation_of(note: Note) -> Any:
    """Return the builder of marks."""
    query = Query(note.text)
    made = dashboard.AnnotationQuery().name(note.name).datasource(source_of(query)).enable(True)
    return made.icon_color(note.colour).target(SqlQuery(note.text, "Anno", "table"))


def dashboard_of(board: Board) -> dict[str, Any]:
    """Return a board as Grafana's JSON."""
    made = dashboard.Dashboard(board.title).uid(board.uid).description(board.about)
    made = made.tags(["tapewatch"]).timezone("utc").refresh(REFRESH).time(board.since, "now")
    made = made.tooltip(models.DashboardCursorSync.CROSSHAIR)
    postgres = source_of(Query(""))
    if any(query.source == "postgres" for panel in board.panels for query in panel.queries):
        made = made.with_variable(
            dashboard.TextBoxVariable("schema").label("schema").default_value(SCHEMA)
        )
    for name, values in board.choices:
        made = made.with_variable(
            dashboard.QueryVariable(name)
            .label(name)
            .datasource(postgres)
            .query(values)
            .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        )
    for name, value, meaning in board.numbers:
        made = made.with_variable(
            dashboard.TextBoxVariable(name).label(name).description(meaning).default_value(value)
        )
    for note in board.notes:
        made = made.annotation(annotation_of(note))
    for nth, (panel, place) in enumerate(zip(board.panels, places(board.panels), strict=True)):
        made = made.with_panel(panel_of(panel).id(nth + 1).grid_pos(place))
    found: dict[str, Any] = json.loads(JSONEncoder().encode(made.build()))
    return found


def text_of(board: Board) -> str:
    """Return a board's file."""
    return json.dumps(dashboard_of(board), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> None:
    """Write all boards, and say which files changed."""
    for name, board in BOARDS.items():
        path, text = FOLDER / f"{name}.json", text_of(board)
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
            sys.stdout.write(f"changed: {path.relative_to(FOLDER.parents[2])}\n")


if __name__ == "__main__":
    main()
