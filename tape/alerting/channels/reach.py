"""Whether a server answers at all, for channels that can only be tried by sending something."""

import socket
import ssl
from typing import Final

from tape.alerting.message import Reached

REACH_S: Final = 5.0


def reach(host: str, port: int, *, tls: bool) -> Reached:
    """Connect, and shake hands where that is TLS; nothing is sent."""
    where = f"{host}:{port}"
    try:
        with socket.create_connection((host, port), timeout=REACH_S) as connection:
            if tls:
                context = ssl.create_default_context()
                with context.wrap_socket(connection, server_hostname=host):
                    return Reached(True, f"{where} answers, its certificate is good")
            return Reached(True, f"{where} answers")
    except ssl.SSLCertVerificationError as error:
        return Reached(False, f"{where}: its certificate is not trusted ({error.verify_message})")
    except ssl.SSLError:
        return Reached(False, f"{where} does not speak TLS")
    except TimeoutError:
        return Reached(False, f"{where} does not answer within {REACH_S:.0f} s")
    except socket.gaierror:
        return Reached(False, f"{host} is no known name")
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "no name of a host"
        return Reached(False, f"{where}: {why or 'no connection'}")
