"""DataBento's historical service over HTTP: one method a question, answers checked, bounded."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import urlsplit

import msgspec
import requests
from pydantic import SecretStr
from requests.auth import HTTPBasicAuth
from urllib3.exceptions import MaxRetryError, NewConnectionError

from tape import __version__
from tape.archives.databento.patience import Patience, retry_after_s
from tape.archives.databento.query import JobDetails, JobSummary, Query
from tape.errors import AccountError, FetchError, TapeError
from tape.process.clock import CLOCK, Clock

TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})
"""Answers after which the same question may be asked again."""
TROUBLE = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)
"""What a network does to a request."""
DOMAIN = ".databento.com"
STATES = "queued,processing,done"

T = TypeVar("T")


class RemoteFile(msgspec.Struct, frozen=True):
    """A file of a job as the service lists it: not yet trusted."""

    filename: str
    size: int
    hash: str
    urls: dict[str, str]


class Estimate(NamedTuple):
    """What a query would cost, and the uncompressed bytes that are billed."""

    cost_usd: float
    billable_bytes: int


LOOK: Final = "`tape fetch --list` shows whether the order arrived"


class UnansweredError(FetchError):
    """A job was submitted, and no answer says whether the service took it."""


class Service:
    """The service behind `gateway` with one key; `tell` hears why something takes longer."""

    def __init__(
        self,
        gateway: str,
        key: SecretStr,
        patience: Patience | None = None,
        tell: Callable[[str], None] = lambda _: None,
        clock: Clock = CLOCK,
    ) -> None:
        self.clock = clock
        self.patience = patience or Patience()
        self.host = urlsplit(gateway).netloc
        self._gateway, self._key, self.tell = gateway, key, tell
        self._session = self.session()
        self._skew = timedelta(0)

    def session(self) -> requests.Session:
        """Return a session that carries the key; each thread needs one of its own."""
        session = requests.Session()
        session.auth = HTTPBasicAuth(self._key.get_secret_value(), "")
        session.headers["User-Agent"] = f"tapewatch/{__version__}"
        session.headers["Accept-Encoding"] = "identity"  # sizes and ranges count stored bytes
        return session

    def trusts(self, url: str) -> bool:
        """Return whether the key may be sent there: the gateway itself, or DataBento over https."""
        there, gateway = urlsplit(url), urlsplit(self._gateway)
        if (there.scheme, there.netloc) == (gateway.scheme, gateway.netloc):
            return True
        name, ours = there.hostname or "", (gateway.hostname or "").endswith(DOMAIN)
        return ours and there.scheme == "https" and name.endswith(DOMAIN)

    @property
    def timeout_s(self) -> tuple[float, float]:
        """Return how long to wait for a connection, and between two pieces of an answer."""
        return self.patience.connect_s, self.patience.read_s

    def now(self) -> datetime:
        """Return the time by the service's clock, as far as it has answered."""
        return datetime.now(UTC) + self._skew

    def estimate(self, query: Query) -> Estimate:
        """Return what a query would cost."""
        form = query.metadata_form()
        cost = self._ask("POST", "metadata.get_cost", float, data=form)
        size = self._ask("POST", "metadata.get_billable_size", int, data=form)
        return Estimate(cost, size)

    def jobs(self, since: datetime, states: str = STATES) -> list[JobSummary]:
        """Return the account's jobs received since then, oldest first."""
        params = {"states": states, "since": since.isoformat(), "short": "true"}
        return self._ask("GET", "batch.list_jobs", list[JobSummary], params=params)

    def details(self, job_id: str) -> JobDetails:
        """Return all that the service tells of a job."""
        return self._ask("GET", "batch.get_job_details", JobDetails, params={"job_id": job_id})

    def files(self, job_id: str) -> list[RemoteFile]:
        """Return the files of a job; none before it is done."""
        return self._ask("GET", "batch.list_files", list[RemoteFile], params={"job_id": job_id})

    def submit(self, query: Query) -> JobDetails:
        """Order a job, which costs money: asked once, again only if it cannot have been heard.

        Raises `UnansweredError` when the service may or may not have taken it.
        """
        what, failures = "batch.submit_job", 0
        while True:
            failures, asked_s = failures + 1, None
            try:
                with self._send("POST", what, data=query.job_form()) as response:
                    if response.status_code == 429:
                        fault, asked_s = "answered 429", _asked_s(response)
                    elif response.status_code >= 500 or response.status_code == 408:
                        raise UnansweredError(f"{self.host} answered {response.status_code}", LOOK)
                    else:
                        try:
                            return self._read(response, what, JobDetails)
                        except _NonsenseError as error:
                            raise UnansweredError(error.cause, LOOK) from None
            except TROUBLE as error:
                fault = trouble_in_words(error, self.patience)
                if not _never_sent(error):
                    raise UnansweredError(f"{self.host}: {fault}", LOOK) from None
            self.pause(what, fault, failures, asked_s, self.clock.sleep)

    def pause(
        self,
        what: str,
        fault: str,
        failures: int,
        asked_s: float | None,
        sleep: Callable[[float], Any],
    ) -> None:
        """Wait before the next try; raises `FetchError` if there were enough of them."""
        if failures >= self.patience.tries:
            raise FetchError(
                f"{self.host}: {what} failed {failures} times in a row, at last: {fault}",
                "look at the network and DataBento's status page, then start again",
            )
        pause_s = self.patience.pause_s(failures, asked_s)
        self.tell(f"{what}: {fault}; next try in {pause_s:.0f} s")
        sleep(pause_s)

    def refusal(self, response: requests.Response, what: str) -> TapeError:
        """Return the error for an answer that asking again does not fix."""
        status, said = response.status_code, self._said(response)
        if status == 401:
            return AccountError(
                f"{self.host} does not accept the key in DATABENTO_API_KEY (401{said})",
                "copy it again from the page API keys of DataBento's portal",
            )
        if status == 402:
            return AccountError(
                f"{self.host} asks for payment (402{said})", "see Billing in DataBento's portal"
            )
        if status == 403:
            return AccountError(
                f"{self.host} does not allow this key {what} (403{said})",
                "use another key or ask who manages the account",
            )
        if status in (404, 410):
            return FetchError(
                f"{self.host} has nothing for {what} ({status}{said})",
                "`tape fetch --list` shows the account's jobs",
            )
        return FetchError(
            f"{self.host} answered {what} with {status}{said}",
            "correct what it names" if said else "ask DataBento's support",
        )

    def _ask(self, method: str, what: str, kind: type[T], **fields: dict[str, str]) -> T:
        """Return the answer to a question that costs nothing, asked until there is one."""
        failures = 0
        while True:
            failures, asked_s = failures + 1, None
            try:
                with self._send(method, what, **fields) as response:
                    if response.status_code not in TRANSIENT:
                        return self._read(response, what, kind)
                    fault, asked_s = f"answered {response.status_code}", _asked_s(response)
            except TROUBLE as error:
                fault = trouble_in_words(error, self.patience)
                if "CERTIFICATE_VERIFY_FAILED" in str(error):
                    failures = self.patience.tries
            self.pause(what, fault, failures, asked_s, self.clock.sleep)

    def _send(self, method: str, what: str, **fields: dict[str, str]) -> requests.Response:
        return self._session.request(
            method,
            f"{self._gateway}/v0/{what}",
            timeout=self.timeout_s,
            allow_redirects=False,  # a redirected POST would become a GET
            **fields,  # type: ignore[arg-type]
        )

    def _read(self, response: requests.Response, what: str, kind: type[T]) -> T:
        if not 200 <= response.status_code < 300:  # 206: some symbols are unknown
            raise self.refusal(response, what)
        self._set_clock(response.headers.get("Date"))
        try:
            return msgspec.json.decode(response.content, type=kind, strict=False)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _NonsenseError(
                f"{self.host} answered {what} with something that is not DataBento's ({error})",
                "see whether there is a proxy or a login page in between",
            ) from None

    def _set_clock(self, date: str | None) -> None:
        try:
            at = parsedate_to_datetime(date or "")
        except ValueError:
            return
        if at.tzinfo is not None:
            self._skew = at - datetime.now(UTC)

    def _said(self, response: requests.Response) -> str:
        """Return the service's own words, made harmless for a terminal, without the key."""
        try:
            detail = msgspec.json.decode(response.content)["detail"]
            text = str(detail["message"] if isinstance(detail, dict) else detail)
        except (ValueError, KeyError, TypeError, *TROUBLE):
            return ""
        text = text.replace(self._key.get_secret_value(), "***")
        return ": " + "".join(letter if letter.isprintable() else " " for letter in text)[:300]


class _NonsenseError(FetchError):
    """An answer that is not the service's."""


def _asked_s(response: requests.Response) -> float | None:
    return retry_after_s(response.headers.get("Retry-After"), response.headers.get("Date"))


def trouble_in_words(error: Exception, patience: Patience) -> str:
    """Return in a few words what the network did; never with the request's headers."""
    if isinstance(error, requests.ConnectTimeout):
        return f"no connection within {patience.connect_s:g} s"
    if isinstance(error, requests.Timeout) or "Read timed out" in str(error):
        return f"silent for {patience.read_s:g} s"
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not trusted, or the connection is not TLS"
    if _never_sent(error):
        return "cannot be reached"
    return "the connection was cut"


def _never_sent(error: Exception) -> bool:
    """Return whether a request surely never left, so that asking again cannot ask twice."""
    return isinstance(error, requests.ConnectTimeout) or any(
        isinstance(cause, NewConnectionError) for cause in _causes(error.args)
    )


def _causes(arguments: Iterable[object]) -> Iterable[object]:
    for argument in arguments:
        yield argument.reason if isinstance(argument, MaxRetryError) else argument
