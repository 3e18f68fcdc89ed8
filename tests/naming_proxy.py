"""A reverse proxy that has asked for a login: it names the user in a header of each request."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

HEADER = "X-Forwarded-User"


@contextmanager
def naming_proxy(port: int, user: str) -> Iterator[int]:
    """Yield the port at which everybody is `user` for the page at `port`."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    served = asyncio.run_coroutine_threadsafe(_served(port, user), loop).result(10)
    try:
        yield int(served.sockets[0].getsockname()[1])
    finally:
        asyncio.run_coroutine_threadsafe(_end(served), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


async def _served(port: int, user: str) -> asyncio.Server:
    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one request on: of each connection one, or a WebSocket."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            own = f"{HEADER.lower()}:", "connection:"
            upgrade = any(line.lower().startswith("upgrade:") for line in lines)
            kept = [line for line in lines[1:-2] if not line.lower().startswith(own)]
            added = [f"{HEADER}: {user}", f"Connection: {'Upgrade' if upgrade else 'close'}"]
            there_in, there_out = await asyncio.open_connection("127.0.0.1", port)
            there_out.write("\r\n".join([lines[0], *kept, *added, "", ""]).encode("latin-1"))
            await asyncio.gather(_pass_on(reader, there_out), _pass_on(there_in, writer))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    return await asyncio.start_server(one, "127.0.0.1", 0)


async def _end(served: asyncio.Server) -> None:
    served.close()
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def _pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while part := await source.read(65_536):
            sink.write(part)
            await sink.drain()
    except OSError:
        pass
    finally:
        sink.close()
