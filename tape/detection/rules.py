"""The rules, one row each."""

from typing import Final

VOLUME_BIT: Final = 1


CHANGE_BIT: Final = 2


FOREST_BIT: Final = 4
