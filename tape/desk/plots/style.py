"""What pictures of a tape have in common: colours, and shares behind prices."""

from typing import Any, Final

ORDINARY: Final = "tab:blue"
FLAGGED: Final = "tab:red"
VOLUME: Final = "0.85"
"""Colours, the same in all pictures of a tape."""


def behind(panel: Any, label: str) -> Any:
    """Return an axis for shares behind what the panel shows; logarithmic, to the right."""
    volume = panel.twinx()
    volume.set_yscale("log")
    volume.set_ylabel(label)
    panel.set_zorder(volume.get_zorder() + 1)
    panel.patch.set_visible(False)
    return volume
