"""Writes a page per command from its help, and what completion knows: python docs/commands.py."""

import json
import sys
from pathlib import Path

import typer
from typer.cli import get_docs_for_click

from tape.cli import app
from tape.cli.completing import TABLE, table_of
from tape.cli.lazy import LazyGroup

FOLDER = Path(__file__).parent / "commands"


def options() -> str:
    """Return what each command takes, a line per command, for `tape/cli/completing.py`."""
    tape = typer.main.get_command(app)
    assert isinstance(tape, LazyGroup)
    lines = []
    for name in sorted(tape.commands):
        command = tape.load(name)
        if isinstance(command, LazyGroup):
            for inner in list(command.commands):
                command.add_command(command.load(inner), inner)
        lines.append(f"{json.dumps(name)}: {json.dumps(table_of(command), ensure_ascii=False)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def pages() -> dict[str, str]:
    """Return the pages by file name: one a command, and the list of all."""
    tape = typer.main.get_command(app)
    assert isinstance(tape, LazyGroup)
    above = typer.Context(tape, info_name="tape")
    found = {}
    lines = ["# The commands of `tape`", "", "Each page is the command's own `--help`.", ""]
    for name in sorted(tape.commands):
        command = tape.load(name)
        if isinstance(command, LazyGroup):
            for inner in list(command.commands):
                command.add_command(command.load(inner), inner)
        context = typer.Context(command, info_name=name, parent=above)
        text = get_docs_for_click(obj=command, ctx=context, name=name, call_prefix="tape")
        found[f"{name}.md"] = text.strip() + "\n"
        lines.append(f"- [`tape {name}`]({name}.md): {command.get_short_help_str(120)}")
    return found | {"README.md": "\n".join(lines) + "\n"}


def main() -> None:
    """Write the pages, and take away those of commands that are gone."""
    FOLDER.mkdir(exist_ok=True)
    made = pages()
    TABLE.write_text(options(), encoding="utf-8")
    for old in FOLDER.glob("*.md"):
        if old.name not in made:
            old.unlink()
    for name, text in made.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    print(f"{len(made)} pages in {FOLDER}", file=sys.stderr)


if __name__ == "__main__":
    main()
