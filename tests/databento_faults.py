"""What the service, or the network before it, does wrong on purpose: answers to single requests."""

import time

from tests.databento_server import Fault, Handler, send_file


def cut_after(size: int) -> Fault:
    """Cut the connection after this many bytes of the body."""
    return lambda handler, content: send_file(handler, content, size)


def ignoring_range(handler: Handler, content: bytes) -> None:
    """Send everything, whatever part was asked for."""
    handler.head(200, {"Content-Length": str(len(content))})
    handler.wfile.write(content)


def ignoring_range_and_cut_after(size: int) -> Fault:
    """Begin from the beginning, whatever part was asked for, and never come to the end."""

    def fault(handler: Handler, content: bytes) -> None:
        handler.head(200, {"Content-Length": str(len(content))})
        handler.wfile.write(content[:size])
        handler.cut()

    return fault


def other_range(handler: Handler, content: bytes) -> None:
    """Answer 206, but with another part than was asked for."""
    headers = {"Content-Range": f"bytes 0-9/{len(content)}", "Content-Length": "10"}
    handler.head(206, headers)
    handler.wfile.write(content[:10])


def early_end(size: int) -> Fault:
    """End the body early without having told its length, as if that were all."""

    def fault(handler: Handler, content: bytes) -> None:
        handler.close_connection = True
        handler.head(200, {"Connection": "close"})
        handler.wfile.write(content[:size])
        handler.cut()

    return fault


def sending(other: bytes) -> Fault:
    """Send other bytes than the file's."""
    return lambda handler, _: send_file(handler, other)


def silent_after(size: int) -> Fault:
    """Send the beginning, then nothing, and hold the connection."""

    def fault(handler: Handler, content: bytes) -> None:
        handler.head(200, {"Content-Length": str(len(content))})
        handler.wfile.write(content[:size])
        handler.wfile.flush()
        handler.databento.released.wait(60)
        handler.close_connection = True

    return fault


def slowly(block: int, pause_s: float) -> Fault:
    """Send everything, a block at a time."""

    def fault(handler: Handler, content: bytes) -> None:
        start = 0
        asked = handler.headers.get("Range")
        headers = {}
        if asked:
            start = int(asked.removeprefix("bytes=").split("-")[0])
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        rest = content[start:]
        handler.head(206 if asked else 200, {"Content-Length": str(len(rest))} | headers)
        for at in range(0, len(rest), block):
            handler.wfile.write(rest[at : at + block])
            time.sleep(pause_s)

    return fault


def status(code: int, message: str = "", **headers: str) -> Fault:
    """Answer with an error."""
    return lambda handler, _: handler.refuse(code, message, **headers)


def plain_error(code: int, body: bytes) -> Fault:
    """Answer with an error in another form than the service's usual one."""

    def fault(handler: Handler, _: bytes) -> None:
        handler.head(code, {"Content-Length": str(len(body))})
        handler.wfile.write(body)

    return fault


def hanging(handler: Handler, _: bytes) -> None:
    """Do not answer at all."""
    handler.databento.released.wait(60)
    handler.close_connection = True


def taken_but_unanswered(handler: Handler, _: bytes) -> None:
    """Take an order, then cut the connection before the answer."""
    handler.databento.submitted(handler.fields)
    handler.cut()


def untaken_and_unanswered(handler: Handler, _: bytes) -> None:
    """Cut the connection without having taken the order."""
    handler.cut()


def login_page(handler: Handler, _: bytes) -> None:
    """Answer as a captive portal does."""
    text = b"<html>Please log in</html>"
    handler.head(200, {"Content-Length": str(len(text)), "Content-Type": "text/html"})
    handler.wfile.write(text)


def redirect(url: str) -> Fault:
    """Send the client elsewhere."""
    return lambda handler, _: handler.head(302, {"Location": url, "Content-Length": "0"})
