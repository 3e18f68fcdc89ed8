"""Writes docs/schemas, a JSON Schema per topic, and the field tables of the pages, from the code.

Run: python -m docs.schemas
"""

import json
import re
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, get_args

import msgspec

from tape.alerting.kept import Record
from tape.model.anomaly import Anomaly
from tape.model.bar import Bar
from tape.model.episode import EpisodeMessage
from tape.model.fields import I32_MAX, NANOS, PRICE_MAX_NANOS, SIDES, U8_MAX, U16_MAX, U32_MAX
from tape.model.rejected import DETAIL_MAX, Reason
from tape.model.rules import Family
from tape.model.trade import Trade

Schema = dict[str, Any]

DOCS: Final = Path(__file__).parent
FOLDER: Final = DOCS / "schemas"
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
PAGES: Final = ("messages.md", "episodes.md")
UTC: Final = "time, UTC"
BLOCK: Final = re.compile(r"<!-- fields: (\w+) -->\n.*?<!-- end of fields -->", re.DOTALL)


class Said(NamedTuple):
    """Unit of a field, empty if it has none, and what it means, in Markdown."""

    unit: str
    meaning: str


SAID: Final = {
    topic: {name: Said(*words) for name, words in fields.items()}
    for topic, fields in tomllib.loads((DOCS / "fields.toml").read_text("utf-8")).items()
}
TIME: Final = {
    "type": "string",
    "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{9}Z$",
}
SYMBOL: Final = {  # printable ASCII without ", ' and \, no blank at either end
    "type": "string",
    "pattern": r"^[!#-&(-\[\]-~]([ !#-&(-\[\]-~]{0,69}[!#-&(-\[\]-~])?$",
}
DOLLARS_MAX: Final = PRICE_MAX_NANOS // NANOS


def _whole(smallest: int, largest: int) -> Schema:
    return {"type": "integer", "minimum": smallest, "maximum": largest}


OF_A_TRADE: Final[dict[str, Schema]] = {
    "ts_recv": TIME,
    "ts_event": TIME,
    "rtype": _whole(0, U8_MAX),
    "publisher_id": _whole(0, U16_MAX),
    "instrument_id": _whole(0, U32_MAX),
    "action": {"const": "T"},
    "side": {"enum": list(SIDES)},
    "depth": _whole(0, U8_MAX),
    "price": {"type": "number", "minimum": -DOLLARS_MAX, "maximum": DOLLARS_MAX},
    "size": _whole(1, U32_MAX),
    "flags": _whole(0, U8_MAX),
    "ts_in_delta": _whole(-I32_MAX - 1, I32_MAX),
    "sequence": _whole(0, U32_MAX),
    "symbol": SYMBOL,
    "ordinal": _whole(0, I32_MAX),
}
"""Wire types of a trade's fields; the reader of messages parses the text of numbers itself."""

DIGITS: Final = {"type": "string", "pattern": r"^\d+$"}
OF_A_REJECTED_RECORD: Final[dict[str, Schema]] = {
    "reason": {"enum": list(get_args(Reason))},
    "detail": {"type": "string", "maxLength": DETAIL_MAX},
    "source": {"type": "string"},
    "app": {"type": "string"},
    "app_version": {"type": "string"},
    "size": DIGITS,
    "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    "ts_event_ns": DIGITS,
    "key_size": DIGITS,
}
ONLY_SOMETIMES: Final = {"ts_event_ns", "key_size"}


def schemas() -> dict[str, Schema]:
    """Return the schemas by topic. Fields beside those of a schema are allowed everywhere."""
    trade, needed = OF_A_TRADE, _needed_of_a_trade()
    verdict, definitions = _verdict()
    given = [name for name in verdict if name in ("anomaly_id", "anomalies", "reasons", "detector")]
    episode, inner = _of_struct(EpisodeMessage)
    bar, _ = _of_struct(Bar)
    alerts, parts = _alerts()
    return {
        "stocks": _topic("A trade on `stocks`", trade, SAID["stocks"], needed),
        "anomalies": _topic(
            "A flagged trade on `anomalies`",
            trade | verdict,
            SAID["stocks"] | SAID["anomalies"],
            [*needed, *given],
            definitions,
        ),
        "episodes": _topic(
            "A state of an episode on `episodes`", episode, SAID["episodes"], list(episode), inner
        ),
        "bars": _topic("A bar on `bars`", bar, SAID["bars"], list(bar)),
        "rejected": _topic(
            "The headers of a record on `rejected`, as text by name",
            OF_A_REJECTED_RECORD,
            SAID["rejected"],
            [name for name in OF_A_REJECTED_RECORD if name not in ONLY_SOMETIMES],
        ),
        "alerts": {"$schema": DIALECT, "title": "A record on `alerts`", **alerts, "$defs": parts},
    }


def _topic(
    title: str,
    properties: Mapping[str, Schema],
    said: Mapping[str, Said],
    required: list[str],
    definitions: Mapping[str, Schema] | None = None,
) -> Schema:
    described = {name: one | _described(said[name]) for name, one in properties.items()}
    schema = {"$schema": DIALECT, "title": title, "type": "object", "properties": described}
    return schema | {"required": required} | ({"$defs": dict(definitions)} if definitions else {})


def _described(said: Said) -> Schema:
    """Return the words about a field, without the links of the pages."""
    aside = re.sub(r" \(\[[^]]+\]\([^)]+\)\)|; \[more\]\([^)]+\)", "", said.meaning)
    plain = re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", aside).replace("\\|", "|")
    return {"description": f"{plain} [{said.unit}]" if said.unit else plain}


def _needed_of_a_trade() -> list[str]:
    """Return the fields that a message must have: those without a default in the code."""
    fields = msgspec.structs.fields(Trade)
    return [re.sub("_(ns|nanos)$", "", one.encode_name) for one in fields if one.required]


def _verdict() -> tuple[dict[str, Schema], dict[str, Schema]]:
    """Return the fields that a flagged trade has beyond its own; what is None is not written."""
    found, parts = _of_struct(Anomaly)
    del found["trade"], parts["Trade"]
    found["anomalies"] = found.pop("rules")
    found["family"] = {"enum": list(get_args(Family))}
    return {name: _without_null(found[name]) for name in SAID["anomalies"]}, parts


def _of_struct(kind: Any) -> tuple[dict[str, Schema], dict[str, Schema]]:
    (named,), parts = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    own = parts.pop(named["$ref"].rpartition("/")[2])
    properties = {name: _as_written(name, one) for name, one in own["properties"].items()}
    for part in parts.values():
        part.pop("description", None)
    return properties, parts


def _as_written(name: str, schema: Schema) -> Schema:
    """Return a field's schema as the wire has it: prices are numbers, times one form of text."""
    if name.startswith("price_"):
        return {"type": ["number", "null"]}
    if name.endswith("ts_event"):
        return TIME
    return {word: one for word, one in schema.items() if word != "default"}


def _without_null(schema: Schema) -> Schema:
    kept = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    return kept[0] if len(kept) == 1 else schema


def _alerts() -> tuple[Schema, dict[str, Schema]]:
    (union,), parts = msgspec.json.schema_components([Record], ref_template="#/$defs/{name}")
    for name, part in parts.items():
        part.pop("description", None)
        for field, one in part["properties"].items():
            if name in ("Sent", "Digested", "Mute", "Trial"):
                one |= _described(SAID["alerts"][field])
    return union, parts


def table(topic: str) -> str:
    """Return the fields of a topic as a Markdown table."""
    schema, lines = schemas()[topic], ["| field | type | meaning |", "|---|---|---|"]
    if topic == "alerts":
        parts = [schema["$defs"][name] for name in ("Sent", "Digested", "Mute", "Trial")]
        properties = {name: one for part in parts for name, one in part["properties"].items()}
        required = {"record", "version"}
    else:
        properties, required = schema["properties"], set(schema["required"])
    for name, (unit, meaning) in SAID[topic].items():
        needed = "**" if topic == "stocks" and name in required else ""
        kind = _kind(properties[name], unit)
        lines.append(f"| {needed}`{name}`{needed} | {kind} | {meaning} |")
    return "\n".join(lines)


def _kind(schema: Schema, unit: str) -> str:
    """Return type, limits and unit in words."""
    choices = schema.get("anyOf") or [
        {**schema, "type": one} if isinstance(schema.get("type"), list) else schema
        for one in (schema["type"] if isinstance(schema.get("type"), list) else [""])
    ]
    names = [_name(one) for one in choices]
    kind = "number" if {"whole number", "number"} <= set(names) else names[0]
    kind = unit if unit == UTC else ", ".join(filter(None, (kind, unit)))
    if "maximum" in schema and not unit:
        kind += f", {schema['minimum']:,} to {schema['maximum']:,}"
    return kind + (", or `null`" if "`null`" in names else "")


def _name(schema: Schema) -> str:
    known = {
        "string": "text",
        "integer": "whole number",
        "number": "number",
        "boolean": "true or false",
        "array": "list",
        "object": "object",
        "null": "`null`",
    }
    return known.get(schema.get("type", ""), "object" if "$ref" in schema else "text")


def filled(text: str) -> str:
    """Return a page with its tables of fields."""
    return BLOCK.sub(
        lambda found: f"<!-- fields: {found[1]} -->\n{table(found[1])}\n<!-- end of fields -->",
        text,
    )


def files() -> dict[Path, str]:
    """Return all that this writes, by path."""
    made = {
        FOLDER / f"{topic}.schema.json": json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
        for topic, schema in schemas().items()
    }
    return made | {DOCS / name: filled((DOCS / name).read_text("utf-8")) for name in PAGES}


def main() -> None:
    """Write the schemas and the tables."""
    FOLDER.mkdir(exist_ok=True)
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
        print(path, file=sys.stderr)


if __name__ == "__main__":
    main()
