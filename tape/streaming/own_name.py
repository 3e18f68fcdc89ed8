"""The name of a producer's transactions: one run at a time has it."""

from tape.errors import SettingsError
from tape.settings.producer import ProducerSettings
from tape.streaming.positions import Book, Run


def transactional_id(settings: ProducerSettings) -> str:
    """Return the name of the producer's transactions: one run at a time has it."""
    return f"{settings.input}-producer-{settings.instance}"


def end_if_replaced(settings: ProducerSettings, book: Book, run: Run) -> None:
    """Raise `SettingsError` if another run than ours has taken the name."""
    now = book.runs.get(settings.instance)
    if now is not None and now.run != run.run:
        raise SettingsError(
            f"another producer took over as INSTANCE={settings.instance} on {settings.input} (it "
            f"started at {now.at}), and this one ends",
            "give each producer that runs at the same time an INSTANCE and files of its own",
        )
