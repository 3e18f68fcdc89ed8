"""The JSON Schemas of docs/schemas, read by a validator that is not ours."""

import json
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator

from tests.apps import ROOT

FOLDER = ROOT / "docs/schemas"


@cache
def schema_of(topic: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((FOLDER / f"{topic}.schema.json").read_text("utf-8"))
    return schema


@cache
def validator(topic: str) -> Validator:
    schema = schema_of(topic)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def assert_valid(topic: str, value: bytes | dict[str, Any]) -> None:
    """What is on a topic is what its schema says, and has no field that the schema leaves out."""
    message = json.loads(value) if isinstance(value, bytes) else value
    validator(topic).validate(message)
    schema = schema_of(topic)
    known = set(schema.get("properties", ()))
    for part in schema["$defs"].values() if topic == "alerts" else ():
        known |= set(part["properties"])
    assert set(message) <= known, set(message) - known
