"""Who must never import whom: the tree shows the architecture, and this keeps it so."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import tape

ROOT = Path(tape.__file__).parent
ABOVE = {"kafka", "streaming", "settings", "cli"}
DRIVERS = ("confluent_kafka", "quixstreams")
ADAPTER = "streaming.adapter"
POSTGRES = ("sinks.postgres", "sinks.questdb")
"""Both speak PostgreSQL's protocol."""

DOCUMENTED = (
    "quixstreams",
    "quixstreams.checkpointing.exceptions",
    "quixstreams.dataframe",
    "quixstreams.exceptions",
    "quixstreams.kafka",
    "quixstreams.models",
    "quixstreams.models.topics.exceptions",
    "quixstreams.sinks",
    "quixstreams.sources",
    "quixstreams.sources.base.exceptions",
    "quixstreams.state.rocksdb",
)
"""Where Quix Streams has what it documents, and the errors that it raises."""
INSIDE = {"processing_context"}
"""Names without an underscore that it does not document either."""

ONLY = {
    "errors": set(),
    "model": {"errors"},
    "codec": {"model", "errors"},
    "market": {"codec", "model", "errors"},
    "process": {"model", "errors"},
}
NEVER = {
    "detection": ABOVE | {"judging"},
    "judging": ABOVE,
    "desk": ABOVE,
    "synthetic": ABOVE,
    "archives": {"detection", "judging", "streaming", "kafka"},
    "feeds": {"detection", "judging"},
    "kafka": {"streaming", "detection"},
    "view": {"page"},
    "page": {"view", "streaming", "cli"},
    "page.board": ABOVE,
    "desk.evaluate": {"desk.tune"},
    "api": {"kafka", "streaming", "cli", "ops", "view"},
}
PROFILES = sorted(file.parent.name for file in ROOT.glob("detection/*/kind.py"))


def modules() -> Iterator[tuple[str, ast.Module]]:
    for file in sorted(ROOT.rglob("*.py")):
        name = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        yield name, ast.parse(file.read_text(encoding="utf-8"))


def imported(tree: ast.Module, *, all_of_it: bool = True) -> Iterator[str]:
    """Yield the modules that a module imports, anywhere in it.

    Without `all_of_it` neither those for types only nor those of `main`, where it is a program.
    """
    passed: set[ast.AST] = set()
    for node in ast.walk(tree):
        for_types = isinstance(node, ast.If) and "TYPE_CHECKING" in names_of(node.test)
        program = isinstance(node, ast.FunctionDef) and node.name == "main"
        if not all_of_it and (for_types or program):
            passed.update(ast.walk(node))
        if node in passed:
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def names_of(expression: ast.expr) -> set[str]:
    return {node.id for node in ast.walk(expression) if isinstance(node, ast.Name)}


def faults() -> Iterator[str]:
    for module, tree in modules():
        room = module.split(".")[0]
        for target in imported(tree):
            if not target.startswith("tape."):
                if target.split(".")[0] == "psycopg" and not module.startswith(POSTGRES):
                    yield f"{module} imports {target}: only {POSTGRES} may"
                if target.split(".")[0] in DRIVERS and room not in {"kafka", "streaming"}:
                    yield f"{module} imports {target}: only kafka and streaming may"
                if target.startswith("quixstreams") and room != "streaming":
                    yield f"{module} imports {target}: only streaming knows Quix Streams"
                if target.split(".")[0] in {
                    "benchmarks",
                    "tests",
                    "producer",
                    "anomaly_detector",
                    "anomaly_sink",
                    "alerter",
                    "dashboard",
                }:
                    yield f"{module} imports {target}: the package must work without it"
                continue
            there = target.removeprefix("tape.")
            its_room = there.split(".")[0]
            if its_room == "api" and room not in {"api", "__init__"}:
                yield f"{module} imports {there}: the library is for others, not for ourselves"
            if room in ONLY and its_room not in ONLY[room] | {room}:
                allowed = ", ".join(sorted(ONLY[room])) or "nothing"
                yield f"{module} imports {there}: {room} may import {allowed} only"
            for inside, never in NEVER.items():
                if (module + ".").startswith(inside + "."):
                    for one in never:
                        if (there + ".").startswith(one + "."):
                            yield f"{module} imports {there}: {inside} must not know {one}"
            for one in PROFILES:
                for other in PROFILES:
                    if (
                        one != other
                        and module.startswith(f"detection.{one}")
                        and there.startswith(f"detection.{other}")
                    ):
                        yield f"{module} imports {there}: profiles must not know one another"


def of_quix_streams(module: str, tree: ast.Module) -> Iterator[str]:
    """Yield what a module uses of Quix Streams that only the adapter may use."""
    for target in imported_modules(tree):
        if target.startswith("quixstreams") and target not in DOCUMENTED:
            yield f"{module} imports {target}: only {ADAPTER} may, it is not documented"
    ours = names_in(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            private = node.attr.startswith("_") and not node.attr.startswith("__")
            private &= node.attr.lower() == node.attr  # `KafkaError._STATE` is a constant
            private &= not (isinstance(node.value, ast.Name) and node.value.id in {"os", "sys"})
            if node.attr in INSIDE or (private and node.attr not in ours):
                yield f"{module}:{node.lineno} uses .{node.attr}: it belongs into {ADAPTER}"


def names_in(tree: ast.Module) -> set[str]:
    """Return what a module, or a module of ours that it imports from, gives a name itself."""
    files = [tree]
    for target in imported_modules(tree):
        if target.startswith("tape.streaming.") and target != f"tape.{ADAPTER}":
            path = ROOT.parent / (target.replace(".", "/") + ".py")
            files.append(ast.parse(path.read_text(encoding="utf-8")))
    nodes = [node for file in files for node in ast.walk(file)]
    stored = {
        n.attr for n in nodes if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)
    }
    defined = {n.name for n in nodes if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    fields = {
        n.target.id for n in nodes if isinstance(n, ast.AnnAssign) and hasattr(n.target, "id")
    }
    return stored | defined | fields


def imported_modules(tree: ast.Module) -> Iterator[str]:
    """Yield the modules that are imported, without the names from them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_only_the_adapter_uses_what_quix_streams_does_not_document() -> None:
    found = [
        fault
        for module, tree in modules()
        if module != ADAPTER and module.startswith("streaming.")
        for fault in of_quix_streams(module, tree)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "line",
    [
        "from quixstreams.internal_consumer import InternalConsumer",
        "from quixstreams.models import Row; row._private",
        "from quixstreams import Application; app.processing_context",
    ],
)
def test_a_use_of_what_is_not_documented_is_noticed(line: str) -> None:
    assert list(of_quix_streams("streaming.other", ast.parse(line)))


def test_no_module_imports_what_its_room_must_not_know() -> None:
    found = sorted(set(faults()))
    assert not found, "\n".join(found)


def in_circles(knows: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return what is left without all that knows none of the rest, or that none of it knows."""
    left = {one: (found & knows.keys()) - {one} for one, found in knows.items()}
    while True:
        known = set().union(*left.values())
        free = [one for one, found in left.items() if not found or one not in known]
        if not free:
            return left
        left = {one: found - set(free) for one, found in left.items() if one not in free}


def test_rooms_do_not_import_each_other_in_a_circle() -> None:
    knows: dict[str, set[str]] = {}
    for module, tree in modules():
        rooms = {target.split(".")[1] for target in imported(tree) if target.startswith("tape.")}
        if (ROOT / module.split(".")[0]).is_dir():
            knows.setdefault(module.split(".")[0], set()).update(rooms)
    left = in_circles(knows)
    assert not left, f"these import each other in a circle: {left}"


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    """Not inside of functions either: what knows each other belongs into one module, or a third."""
    trees = dict(modules())
    knows = {}
    for module, tree in trees.items():
        found = {target.removeprefix("tape.") for target in imported(tree, all_of_it=False)}
        knows[module] = found & trees.keys()
    left = in_circles(knows)
    assert not left, f"these import each other in a circle: {left}"


LOADED = {
    "producer": (128, {"detection", "judging", "market", "desk", "view", "cli", "synthetic"}),
    "anomaly_detector": (135, {"archives", "feeds", "desk", "view", "cli", "synthetic"}),
    "alerter": (
        90,
        {"archives", "feeds", "detection", "judging", "desk", "view", "cli", "synthetic", "sinks"},
    ),
    "dashboard": (
        50,
        {"archives", "feeds", "judging", "desk", "view", "cli", "synthetic", "sinks", "market"}
        | {"streaming"},
    ),
    "anomaly_sink": (
        100,
        {"archives", "feeds", "detection", "judging", "desk", "view", "cli", "synthetic", "market"},
    ),
}
"""Modules of ours that an app may load on its way at most, and rooms that it never enters."""

SLOW = {
    "sklearn",
    "pandas",
    "matplotlib",
    "pyarrow",
    "textual",
    "exchange_calendars",
    "typer",
    "apprise",
} | {"psycopg"}
"""Slow to load, and neither sends nor judges a trade; of scikit-learn only a rare tie is asked."""

STORES = ("tape.sinks.postgres.", "tape.sinks.search.")
"""Of these an app loads the one that SINK names, when it makes it."""


@pytest.mark.parametrize("app", LOADED)
def test_an_app_loads_nothing_that_it_does_not_need(app: str) -> None:
    main, (most, never) = str(ROOT.parent / app / "main.py"), LOADED[app]
    program = f"import runpy, sys; runpy.run_path({main!r}, run_name='app'); print(*sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(found.stdout.split())
    assert not SLOW & loaded
    assert not [name for name in loaded if name.startswith(STORES)]
    ours = {name for name in loaded if name.startswith("tape.")}
    entered = {name.split(".")[1] for name in ours}
    assert not entered & never
    assert len(ours) <= most, f"{len(ours)} modules of tape, and {len(loaded)} in all"


def test_settings_are_read_without_arrays_and_compiled_code() -> None:
    """Every command reads them: with numba each start would take a second longer."""
    code = "import sys, tape.settings.detector\nprint('\\n'.join(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numba", "numpy", "sklearn"} & set(found.stdout.split())
