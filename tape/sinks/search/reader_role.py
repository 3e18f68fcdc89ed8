"""A role of Elasticsearch that may read everything of ours and change nothing."""

import json


def reader_role(prefix: str) -> str:
    """Return its JSON, as `PUT /_security/role/NAME` takes it.

    >>> json.loads(reader_role("tapewatch"))["indices"][0]["names"]
    ['tapewatch-*']
    """
    rights = {"names": [f"{prefix}-*"], "privileges": ["read", "view_index_metadata"]}
    return json.dumps({"cluster": ["monitor"], "indices": [rights]}, indent=2) + "\n"
