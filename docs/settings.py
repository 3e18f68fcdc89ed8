"""Writes what is known of settings into all lists of them: python docs/settings.py.

These are the tables of docs/settings.md, `.env.example`, and the variables of each app's app.yaml
and of quix.yaml, where values of deployments stay as they are.
"""

import re
import sys
from pathlib import Path
from typing import Any

import yaml

from tape.detection.registry import BUILT_IN, lineup
from tape.settings.all_settings import APPS, COMMON, SEVERAL, Row, all_settings
from tape.settings.in_hash import settings_hashed

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- tables: python docs/settings.py -->", "<!-- end of tables -->"
BROKER = "Quix__Broker__Address"
STATE = "Quix__Deployment__State__Path"
"""Quix gives apps both by itself; the second where a deployment has state."""
HEADINGS = {COMMON: "All apps", SEVERAL: "Several apps"} | {app: f"`{app}`" for app in APPS}


def tables(rows: list[Row]) -> str:
    """Return the tables of the page, one per group."""
    hashed = {name: settings_hashed(lineup(name).kinds[0]) for name in BUILT_IN}
    parts = []
    for group, heading in HEADINGS.items():
        own = [row for row in rows if row.group == group]
        detector, several = group == "anomaly_detector", group == SEVERAL
        columns = ["name", "default", "unit", "meaning"]
        columns += ["in the hash of"] * detector + ["apps"] * several
        parts += [f"## {heading}", "", _line(columns), _line(["---"] * len(columns))]
        for row in own:
            cells = [f"`{row.name}`", f"`{row.default}`" if row.default else "", row.unit]
            cells.append(row.meaning)
            if detector:
                having = [name for name, names in hashed.items() if row.name in names]
                cells.append("all" if len(having) == len(hashed) else ", ".join(having))
            if several:
                cells.append(", ".join(f"`{app}`" for app in row.apps))
            parts.append(_line(cells))
        parts.append("")
    return "\n".join(parts)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def page(text: str, rows: list[Row]) -> str:
    """Return the page with its tables as they are now."""
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n\n{tables(rows)}\n{END}{after}"


def example(rows: list[Row]) -> str:
    """Return .env.example."""
    lines = [
        "# Copy to .env and change what you need; the environment overrides this file.",
        "# Empty means the default of the app.",
    ]
    group = ""
    for row in rows:
        if row.group != group:
            group = row.group
            lines += ["", f"# --- {group} ---"]
        lines += [f"# {described(row)}", f"{row.name}={row.default}"]
    return "\n".join(lines) + "\n"


def described(row: Row) -> str:
    """Return what a setting means, with its unit where that does not say it.

    >>> described(Row("A", "", "seconds", "time to wait", (), False))
    'time to wait (seconds)'
    """
    told = not row.unit or row.unit.split()[0].removesuffix("s") in row.meaning
    return row.meaning if told else f"{row.meaning} ({row.unit})"


def app_yaml(text: str, app: str, rows: list[Row]) -> str:
    """Return an app's descriptor with all of its settings; what is no text stays as it was."""
    kept = {one["name"]: one for one in yaml.safe_load(text)["variables"]}
    lines = ["variables:"]
    for row in _ordered(kept, [row for row in rows if app in row.apps and row.name != BROKER]):
        known = kept.get(row.name, {})
        lines += [f"  - name: {row.name}"]
        lines += [f"    inputType: {known.get('inputType') or _input_type(row)}"]
        lines += [f"    description: {_quoted(described(row))}"]
        if row.secret:
            lines += [f"    secretKey: {row.name.lower()}"]
        else:
            lines += [f"    defaultValue: {_quoted(row.default)}"]
        lines += [f"    required: {str(bool(known.get('required'))).lower()}"]
    return re.sub(
        r"^variables:\n(?:[ ].*\n)+", lambda _: "\n".join(lines) + "\n", text, flags=re.MULTILINE
    )


def quix_yaml(text: str, rows: list[Row]) -> str:
    """Return quix.yaml with all settings of each deployment's app; values stay as they were."""
    apps = [(one["application"], one["variables"]) for one in yaml.safe_load(text)["deployments"]]
    nth = iter(apps)

    def variables(_: re.Match[str]) -> str:
        app, own = next(nth)
        kept = {one["name"]: one for one in own}
        wanted = [row for row in rows if app in row.apps and row.name not in (BROKER, STATE)]
        lines = ["    variables:"]
        for row in _ordered(kept, wanted):
            known: dict[str, Any] = kept.get(row.name, {"value": row.default})
            lines += [f"      - name: {row.name}"]
            lines += [f"        inputType: {known.get('inputType') or _input_type(row)}"]
            if row.secret:
                lines += [f"        secretKey: {row.name.lower()}"]
            else:
                lines += [f"        value: {_quoted(known['value'])}"]
        return "\n".join(lines) + "\n"

    return re.sub(r"^    variables:\n(?:[ ]{6}.*\n)+", variables, text, flags=re.MULTILINE)


def _ordered(kept: dict[str, Any], rows: list[Row]) -> list[Row]:
    """Return the settings in the order of the file, new ones at its end."""
    order = {name: place for place, name in enumerate(kept)}
    return sorted(rows, key=lambda row: order.get(row.name, len(order)))


def _input_type(row: Row) -> str:
    return "Secret" if row.secret else "FreeText"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def made() -> dict[str, str]:
    """Return each list by the name of its file, as it must be."""
    rows = all_settings()
    found = {
        "docs/settings.md": page(_text("docs/settings.md"), rows),
        ".env.example": example(rows),
        "quix.yaml": quix_yaml(_text("quix.yaml"), rows),
    }
    apps = [app for app in APPS if not app.startswith("tape ")]
    return found | {
        f"{app}/app.yaml": app_yaml(_text(f"{app}/app.yaml"), app, rows) for app in apps
    }


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def main() -> None:
    """Write the lists."""
    for name, text in made().items():
        if _text(name) != text:
            (ROOT / name).write_text(text, encoding="utf-8")
            print(f"changed: {name}", file=sys.stderr)


if __name__ == "__main__":
    main()
