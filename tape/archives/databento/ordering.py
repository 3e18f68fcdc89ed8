"""Jobs: found again, ordered at most once, waited for."""

from collections.abc import Callable
from datetime import timedelta

from tape.archives.databento.client import STATES, Service, UnansweredError
from tape.archives.databento.query import JobDetails, JobSummary, Query
from tape.errors import FetchError

LOOK_BACK = timedelta(days=30)
"""How far back a job with the same query is looked for: DataBento keeps files about so long."""
MANY = 20
"""Jobs to look through of which somebody who waits is told."""
SLACK = timedelta(days=1)
"""How far the two clocks may be apart without a job being overlooked."""
NOT_READY = frozenset({"received", "queued", "processing"})


def recent_jobs(service: Service, span: timedelta, states: str = STATES) -> list[JobSummary]:
    """Return the jobs received within `span` by the service's clock, whatever the one here says."""
    since = service.now() - span
    jobs = service.jobs(since, states)
    if abs(service.now() - span - since) > SLACK:  # the answer told what time it really is
        jobs = service.jobs(service.now() - span, states)
    return jobs


def same_job(service: Service, query: Query) -> JobDetails | None:
    """Return the newest job of the last 30 days that holds exactly this query, if there is one."""
    job_ids = [job.id for job in recent_jobs(service, LOOK_BACK)]
    if len(job_ids) > MANY:
        service.tell(f"looking through the last {len(job_ids):,} jobs for the same order")
    return _first_of(service, query, job_ids)


def order(service: Service, query: Query) -> str:
    """Submit a query, which costs money, and return the id of its job.

    Nothing is submitted twice: if the answer is lost, the job is looked for among the account's
    new ones. Raises `FetchError` if it is not there either.
    """
    before = {job.id for job in recent_jobs(service, SLACK)}
    try:
        return service.submit(query).id
    except UnansweredError as error:
        lost = error.cause
    for nth in range(1, service.patience.tries):
        new = [job.id for job in recent_jobs(service, SLACK) if job.id not in before]
        job = _first_of(service, query, new)
        if job is not None:
            return job.id
        service.clock.sleep(service.patience.pause_s(nth))
    raise FetchError(
        f"the order was sent, but its answer was lost ({lost}), and no such job is listed; it was "
        "not sent again, because it would be paid twice",
        "look at `tape fetch --list` in a few minutes, then start again",
    )


def wait_until_done(
    service: Service, job_id: str, wait_s: float, hear: Callable[[JobDetails], None]
) -> JobDetails:
    """Return the job's details when its files are ready; `hear` gets its state at each look.

    Raises `FetchError` if they are not after `wait_s` seconds, or never will be.
    """
    start_s, pause_s = service.clock.now_s(), service.patience.poll_s
    while True:
        job = service.details(job_id)
        hear(job)
        if job.state == "done":
            return job
        if job.state == "expired":
            raise FetchError(
                f"job {job_id} has expired: DataBento no longer keeps its files", "order them again"
            )
        if job.state not in NOT_READY:
            raise FetchError(
                f"job {job_id} is in the state {job.state[:40]!r}, which is not known here",
                "look at it in DataBento's portal",
            )
        left_s = wait_s - (service.clock.now_s() - start_s)
        if left_s <= 0:
            raise FetchError(
                f"job {job_id} is still {job.state}",
                f"fetch it later with `tape fetch --job {job_id}`",
            )
        service.clock.sleep(min(pause_s, left_s))
        pause_s = min(pause_s * 1.5, 30 * service.patience.poll_s)


def _first_of(service: Service, query: Query, job_ids: list[str]) -> JobDetails | None:
    for job_id in reversed(job_ids):
        job = service.details(job_id)
        if query.is_of(job):
            return job
    return None
