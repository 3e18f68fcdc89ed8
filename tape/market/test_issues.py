"""Test issues: symbols that exchanges trade in production to test their systems.

What happens in them is no news of any market; a price may double from one trade to the next.
The names are those of Nasdaq's, NYSE's and Cboe's lists of test symbols.
"""

import re
from typing import Final

_PATTERN: Final = re.compile(
    r"Z[A-Z]ZZ[A-Z]"  # ZVZZT, ZJZZT, ZVZZC …: Nasdaq's, one letter each
    r"|[ABCMNPZ]TEST([ .\-].*)?"  # NTEST, NTEST.A …: NYSE, Arca, American, Cboe
    r"|ZTST|ZBZX|ZEXIT|ZIEXT|ZXIET|ZVV|ZXYZ[.\-]A"
    r"|CBO|CBX|IBO|IGZ|ZZK|ZZZ"  # of all listing markets, in Nasdaq's update ETU2013-5
    r"|.+~"  # the suffix for a test in Nasdaq's integrated symbology
)


def is_test_issue(symbol: str) -> bool:
    """Return whether a symbol is an exchange's test issue.

    >>> [is_test_issue(name) for name in ("ZVZZT", "NTEST.A", "ACM~", "ZM", "ZTS")]
    [True, True, True, False, False]
    """
    return _PATTERN.fullmatch(symbol) is not None
