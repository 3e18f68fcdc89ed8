"""All that the topics know of one alert, for the commands that show it or write it down."""

from typing import Any, NamedTuple

from tape.cli.output import counted, notes_console
from tape.errors import TapeError
from tape.kafka.connect import COMMAND_WAIT_S, ready_broker
from tape.page.near import around_on_topic
from tape.page.stored import stored_episode
from tape.settings.load import load
from tape.settings.page import PageSettings


class OneAlert(NamedTuple):
    """An alert.

    Attributes:
        detail: the episode with its flagged trades and decisions, as the page has it.
        around: the trades around the worst flagged one, or under `error` why there are none.
        unreadable: messages about it that could not be read, and are not in `detail`.
    """

    detail: dict[str, Any]
    around: dict[str, Any]
    unreadable: int


def one_alert(asked: str, each: int) -> OneAlert:
    """Return what the topics know of the alert that an id means; says what could not be read.

    Args:
        asked: an `episode_id` or `anomaly_id`, or how just one of them begins.
        each: trades before and after.

    Raises:
        TapeError: the broker is away, or no alert or several have such an id.
    """
    settings = load(PageSettings)
    client = settings.client_config()
    ready_broker(client, [], wait_s=COMMAND_WAIT_S)
    board, name = stored_episode(settings, asked)
    around: dict[str, Any]
    try:
        around = around_on_topic(client, settings.input, board)(name, each)
    except TapeError as error:
        around = {"error": error.cause}
    if board.unreadable:
        what = counted(board.unreadable, "message")
        notes_console().print(f"without {what} about it, which cannot be read")
    return OneAlert(board.detail(name) or {}, around, board.unreadable)
