"""Folders of models: XGBoost's own file, and a manifest that says all about it.

Nothing of a folder is run: both files are JSON, and what is not as it must be is refused.
"""

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from tape.detection.supervised.columns import COUNT, VERSION, schema_hash
from tape.detection.supervised.tail import Tail
from tape.detection.supervised.trees import NoModelError, read_trees
from tape.detection.supervised.walk_kernel import Trees
from tape.errors import SettingsError
from tape.process.regular_file import LARGE, SMALL, read_file

FORMAT: Final = 1
"""Of a manifest and of what lies beside it."""
MODEL: Final = "model.json"
MANIFEST: Final = "manifest.json"
TRAIN_AGAIN: Final = "train it again with `tape train`"


@dataclass(frozen=True, slots=True)
class Model:
    """A model that can be served.

    Attributes:
        name: of its folder.
        trees: to be walked.
        tail: of ordinary trades.
        usual: of each feature, the value that half of the ordinary trades exceed.
        rare: likewise 1 in 10,000.
        identity: digits that differ when a verdict might differ.
        manifest: what its folder says about it.
    """

    name: str
    trees: Trees
    tail: Tail
    usual: tuple[float, ...]
    rare: tuple[float, ...]
    identity: str
    manifest: dict[str, Any]


def manifest_bytes(told: dict[str, Any], model: bytes, tail: Tail) -> bytes:
    """Return the manifest of a model: what is told of it, and what it takes to serve it."""
    whole = {
        "format": FORMAT,
        "features": {"version": VERSION, "schema": schema_hash()},
        "files": {MODEL: hashlib.sha256(model).hexdigest()},
        "tail": asdict(tail),
        **told,
    }
    whole["checksum"] = _checksum(whole)
    return json.dumps(whole, indent=1).encode() + b"\n"


def _checksum(manifest: dict[str, Any]) -> str:
    """Return a hash of all that a manifest says, whatever its layout."""
    rest = {name: value for name, value in manifest.items() if name != "checksum"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return what a folder says of its model; raises `SettingsError` if it is none of ours."""
    try:
        found = json.loads(read_file(folder / MANIFEST, SMALL))
        told, checksum = found["format"], found["checksum"]
    except OSError as error:
        why = error.strerror if folder.is_dir() else "there is no such folder"
        raise SettingsError(
            f"{folder} is not a model ({MANIFEST}: {why})", "name a folder that `tape train` wrote"
        ) from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise SettingsError(
            f"{folder / MANIFEST} is not the manifest of a model",
            "name a folder that `tape train` wrote",
        ) from None
    if told != FORMAT:
        raise SettingsError(
            f"{folder} is a model of format {str(told)[:20]}, this program knows {FORMAT}",
            TRAIN_AGAIN,
        )
    if checksum != _checksum(found):
        raise SettingsError(
            f"{folder / MANIFEST} does not match its checksum: it was changed or is damaged",
            TRAIN_AGAIN,
        )
    return dict(found)


def load_model(folder: Path) -> Model:
    """Return the model of a folder; raises `SettingsError` if it is damaged, foreign or too old.

    A folder that has not changed since is read once.
    """
    try:
        stats = tuple((folder / name).stat() for name in (MANIFEST, MODEL))
    except OSError:
        stats = ()
    return _loaded(folder, tuple((one.st_ino, one.st_mtime_ns, one.st_size) for one in stats))


@lru_cache(maxsize=4)
def _loaded(folder: Path, _: tuple[tuple[int, ...], ...]) -> Model:
    manifest = read_manifest(folder)
    features = manifest.get("features")
    if features != {"version": VERSION, "schema": schema_hash()}:
        raise SettingsError(
            f"the model {folder} has other features ({_short(features)}) than this program "
            f"(version {VERSION}, {schema_hash()})",
            "write its features again with `tape features`, and " + TRAIN_AGAIN,
        )
    try:
        data = read_file(folder / MODEL, LARGE)
    except OSError as error:
        raise SettingsError(
            f"{folder} is not a model ({MODEL}: {error.strerror})", TRAIN_AGAIN
        ) from None
    digest = hashlib.sha256(data).hexdigest()
    try:
        if manifest["files"] != {MODEL: digest}:
            raise NoModelError("it is not the file that the manifest speaks of")
        trees = read_trees(data)
        tail = Tail(**{name: _told(value) for name, value in manifest["tail"].items()})
        usual, rare = (_numbers(manifest["usual"][name]) for name in ("median", "one_in_10k"))
    except NoModelError as error:
        raise SettingsError(f"{folder / MODEL} cannot be used: {error}", TRAIN_AGAIN) from None
    except (KeyError, TypeError, ValueError, AttributeError):
        raise SettingsError(
            f"{folder / MANIFEST} does not say what is usual", TRAIN_AGAIN
        ) from None
    decisive = json.dumps([digest, schema_hash(), asdict(tail)], sort_keys=True)
    identity = hashlib.sha256(decisive.encode()).hexdigest()[:16]
    return Model(folder.resolve().name, trees, tail, usual, rare, identity, manifest)


def _told(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _numbers(values: Any) -> tuple[float, ...]:
    """Return a number per feature; raises `ValueError` for anything else."""
    found = tuple(float(value) for value in values)
    if len(found) != COUNT or not all(map(math.isfinite, found)):
        raise ValueError("no number per feature")
    return found


def _short(features: Any) -> str:
    if isinstance(features, dict):
        return f"version {str(features.get('version'))[:9]}, {str(features.get('schema'))[:16]}"
    return "none are named"
