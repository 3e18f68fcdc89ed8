"""Whether what the page needs is installed; to be asked before anything else of it is loaded."""

from tape.errors import SettingsError


def need_streamlit() -> None:
    """Raise `SettingsError` unless the page's own packages are there."""
    try:
        import streamlit  # noqa: F401 - only whether it is there
    except ImportError:
        raise SettingsError("the page needs Streamlit", "pip install 'tapewatch[page]'") from None
