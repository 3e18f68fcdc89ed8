"""A rule of one's own: large trades at a price between two cents.

US stocks are quoted in whole cents (SEC rule 612). A price in between comes from a midpoint or
from a broker who improved it a little, and such trades are small; a large one is worth a look.
"""

from dataclasses import dataclass

from tape.codec.symbols import SymbolTable
from tape.detection.kind import Kind
from tape.detection.parameters import OwnParameters
from tape.detection.protocol import Explanation, Verdicts, WithoutMemory
from tape.model.anomaly import Reason
from tape.model.columns import TradeColumns
from tape.model.fields import price_text
from tape.model.rules import Rule

CENT_NANOS = 10_000_000
SUB_PENNY = Rule(
    name="Sub-Penny Print",
    bit=0,  # the program gives it one
    letter="S",
    word="subpenny",
    colour="blue",
    unit="shares",
    families=("price", "size"),
    help="more than 1,000 shares at a price between two cents",
)


@dataclass(frozen=True)
class SubPennyParameters(OwnParameters):
    """`shares` is how many are ordinary at such a price."""

    shares: int = 1_000


class SubPenny(WithoutMemory):
    """Flags trades of more than `shares` shares whose price is no whole number of cents."""

    def __init__(self, parameters: SubPennyParameters, symbols: SymbolTable) -> None:
        self.parameters = parameters
        # What is remembered of symbols would be arrays with a row for each, by `trades.symbol`,
        # and `snapshot`, `restore` and `forget` in place of those of WithoutMemory: README.md.

    def detect(self, trades: TradeColumns) -> Verdicts:
        """Return which trades of a batch the rule flags."""
        between = trades.price_nanos % CENT_NANOS != 0
        return Verdicts.of(between & (trades.size > self.parameters.shares))

    def explain(self, trades: TradeColumns, verdicts: Verdicts, nth: int) -> Explanation:
        """Return why the `nth` flagged trade was flagged."""
        row = verdicts.flagged[nth]
        size, most = int(trades.size[row]), self.parameters.shares
        price = price_text(int(trades.price_nanos[row]))
        text = f"{size:,} shares at {price}, between two cents; more than {most:,} is unusual."
        return Explanation([Reason(SUB_PENNY.name, size, most, text)])


def no_memory(_: SubPennyParameters) -> int:
    """Return how many trades back the detector looks: none."""
    return 0


KIND = Kind(
    name="sub_penny",
    rules=(SUB_PENNY,),
    parameters=SubPennyParameters,
    build=SubPenny,
    memory_trades=no_memory,
)
