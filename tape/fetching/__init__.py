"""Files bought from DataBento, over HTTP: ordered once, fetched whole, checked."""

from tape.fetching.client import Estimate, Service
from tape.fetching.folder import Fetched, JobFolder
from tape.fetching.ordering import order, recent_jobs, same_job, wait_until_done
from tape.fetching.patience import Patience
from tape.fetching.query import JobDetails, JobSummary, Query

__all__ = [
    "Estimate",
    "Fetched",
    "JobDetails",
    "JobFolder",
    "JobSummary",
    "Patience",
    "Query",
    "Service",
    "order",
    "recent_jobs",
    "same_job",
    "wait_until_done",
]
