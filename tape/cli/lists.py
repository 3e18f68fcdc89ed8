"""Options that take all words up to the next option: `--labels a.csv b.csv`."""

from typing import Any, ClassVar

from typer.core import TyperCommand


class TakesLists(TyperCommand):
    """Lets the options named in `lists` take more than one word."""

    lists: ClassVar[tuple[str, ...]] = ()

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat the option before each of its words, as Click wants it."""
        words: list[str] = []
        option, first = None, False
        for word in args:
            if word.startswith("-"):
                option, first = (word if word in self.lists else None), True
            elif option is not None and not first:
                words.append(option)
            else:
                first = False
            words.append(word)
        return super().parse_args(ctx, words)
