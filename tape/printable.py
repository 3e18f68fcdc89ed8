"""Text of strangers, made safe for a terminal."""


def printable(text: str) -> str:
    r"""Return a text with all that could steer a terminal written as escapes.

    >>> printable("red \x1b[31m")
    'red \\x1b[31m'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
