"""Settings as options: which commands have them, and how they count.

`tape.cli.lazy` gives them to a command when it is loaded, so no command has them in its own words.
What they say goes before the environment and `.env` (`tape.settings.options`).
"""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from pydantic.fields import FieldInfo

from tape.errors import SettingsError
from tape.settings.all_settings import default_text, is_secret, kind_of, names
from tape.settings.detector import judging_names
from tape.settings.misspelt import nearest
from tape.settings.names import NAMES
from tape.settings.options import choose, chosen

PANEL: Final = "Settings, which go before the environment and .env"
BROKER: Final = ("Quix__Broker__Address",)
TOPICS: Final = ("input", "output", "rejected", "EPISODES_TOPIC")
RULES: Final = (
    *("PROFILE", "RULES", "VOLUME_THRESHOLD", "CHANGE_THRESHOLD"),
    *("ALERTS_PER_10K", "ALERTS_PER_DAY", "THRESHOLDS_FILE", "RANKING_FILE", "MODEL"),
)
"""Settings of what judges that people change from one call to the next."""
OPTIONS: Final = {"Quix__Broker__Address": "--broker"} | {
    "input": "--input-topic",
    "output": "--output-topic",
    "rejected": "--rejected-topic",
}
"""Options that are not called as their setting, in small letters."""


@dataclass(frozen=True, slots=True)
class Reads:
    """Which settings a command reads.

    Attributes:
        apps: whose settings.
        named: those with an option of their own; the others are set by `--set`.
        judges: whether it reads only what decides verdicts, and needs no broker.
    """

    apps: tuple[str, ...]
    named: tuple[str, ...] = ()
    judges: bool = False


DETECTOR: Final = ("anomaly_detector",)
JUDGING: Final = Reads(DETECTOR, RULES, judges=True)
KAFKA: Final = Reads(DETECTOR, (*BROKER, *TOPICS))
PAGE: Final = Reads(("dashboard", *DETECTOR), (*BROKER, *TOPICS))
COMMANDS: Final = {
    "alert": Reads(("alerter", *DETECTOR), BROKER),
    "bars": JUDGING,
    "bench": Reads(DETECTOR, ("PROFILE",)),
    "case": PAGE,
    "demo": Reads(("anomaly_detector", "anomaly_sink", "producer", "dashboard"), RULES),
    "doctor": Reads((*DETECTOR, "producer", "anomaly_sink", "alerter"), (*BROKER, *TOPICS)),
    "evaluate": JUDGING,
    "features": Reads(DETECTOR, judges=True),
    "fetch": Reads(("tape fetch",)),
    "history": Reads(("anomaly_sink",)),
    "inspect": Reads(DETECTOR, judges=True),
    "learn": KAFKA,
    "page": PAGE,
    "producer": Reads(("producer",), (*BROKER, *TOPICS)),
    "rejected": Reads(("producer",), (*BROKER, *TOPICS)),
    "replay": JUDGING,
    "score": JUDGING,
    "reviews": PAGE,
    "show": PAGE,
    "settings": Reads(
        (*DETECTOR, "producer", "anomaly_sink", "alerter", "dashboard", "tape fetch"), RULES
    ),
    "sink": Reads(("anomaly_sink",), (*BROKER, "SINK")),
    "state": Reads(DETECTOR, (*BROKER, "PROFILE")),
    "topics": Reads((*DETECTOR, "alerter"), (*BROKER, *TOPICS)),
    "tune": JUDGING,
    "watch": KAFKA,
}
"""Commands that read settings; a command of a group reads what the group does."""


def give_options(command: Any, name: str) -> None:
    """Add the options for settings to a command, and to each one of a group of commands."""
    reads = COMMANDS.get(name)
    if reads is None:
        return
    fields = {name: field for app in reads.apps for name, field in names(kind_of(app)).items()}
    if reads.judges:
        fields = {name: fields[name] for name in judging_names()}
    for one in _leaves(command):
        taken = {word for parameter in one.params for word in parameter.opts}
        one.params.extend(_options(f"tape {name}", reads.named, fields, taken))


def _leaves(command: Any) -> Iterator[Any]:
    """Yield a command, or those of a group that are loaded with it."""
    inner = getattr(command, "commands", None)
    if inner is None or getattr(command, "named", None):
        yield from () if inner is not None else (command,)
        return
    for one in inner.values():
        yield from _leaves(one)


def option_of(name: str) -> str:
    """Return what the option for a setting is called.

    >>> option_of("VOLUME_THRESHOLD"), option_of("Quix__Broker__Address")
    ('--volume-threshold', '--broker')
    """
    return OPTIONS.get(name, "--" + name.lower().replace("_", "-"))


def _options(
    command: str, named: tuple[str, ...], fields: dict[str, FieldInfo], taken: set[str]
) -> list[Any]:
    """Return the options as Click has them, whose classes depend on Typer's version."""
    made: dict[str, Any] = {}
    for name in named:
        if option_of(name) not in taken:
            made[f"setting_{name}"] = Annotated[  # a parameter of the command may be `output`, too
                str | None,
                typer.Option(
                    option_of(name),
                    callback=_one(name, option_of(name)),
                    expose_value=False,
                    help=_help(name, fields[name]),
                    metavar=_metavar(fields[name]),
                    rich_help_panel=PANEL,
                ),
            ]
    made["set"] = Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            callback=_any(command, fields),
            expose_value=False,
            help="Any other setting, as often as needed; `tape settings` lists them.",
            metavar="NAME=VALUE",
            rich_help_panel=PANEL,
        ),
    ]

    def holder(**_: object) -> None:
        """Have these options."""

    keyword = inspect.Parameter.KEYWORD_ONLY
    holder.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(one, keyword, default=None, annotation=made[one]) for one in made]
    )
    holder.__annotations__ = dict(made)
    alone = typer.Typer(add_completion=False)
    alone.command()(holder)
    return [one for one in typer.main.get_command(alone).params if one.name != "help"]


def _one(name: str, option: str) -> Callable[[typer.Context, str | None], None]:
    def take(ctx: typer.Context, value: str | None) -> None:
        if value is not None and not ctx.resilient_parsing:
            _choose(name, value, option)

    return take


def _any(
    command: str, fields: dict[str, FieldInfo]
) -> Callable[[typer.Context, list[str] | None], None]:
    def take(ctx: typer.Context, value: list[str] | None) -> None:
        for text in [] if ctx.resilient_parsing else value or []:
            name, equals, setting = text.partition("=")
            if not equals:
                raise SettingsError(f"--set {text[:80]!r} is no NAME=VALUE", "write it so")
            _refuse_unknown(name.strip(), command, fields)
            _choose(name.strip(), setting, "--set")

    return take


def _choose(name: str, value: str, option: str) -> None:
    if chosen().get(name, value) != value:
        raise SettingsError(f"{option}: {name} is given twice", "keep one of the two")
    choose(name, value)


def _refuse_unknown(name: str, command: str, fields: dict[str, FieldInfo]) -> None:
    if name in fields:
        if is_secret(fields[name]):
            raise SettingsError(
                f"--set {name}: it is a secret, and others may see the words of a command",
                "set it in the environment or in .env",
            )
        return
    if name in NAMES:
        raise SettingsError(
            f"--set {name}: `{command}` does not use that setting", "leave it out there"
        )
    near = nearest(name, fields)
    raise SettingsError(
        f"--set {name[:80]!r}: there is no such setting",
        f"did you mean {near}?" if near else "`tape settings` lists all of them",
    )


def _help(name: str, field: FieldInfo) -> str:
    meaning, default = field.description or "", default_text(field)
    told = f"{name}, default {default}" if default else name
    return f"{meaning[:1].upper()}{meaning[1:]} ({told})."


def _metavar(field: FieldInfo) -> str:
    if field.annotation in (int, float):
        return "NUMBER"
    return "PATH" if field.annotation in (Path, Path | None) else "TEXT"
