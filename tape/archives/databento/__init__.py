"""Files bought from DataBento, over HTTP: ordered once, fetched whole, checked."""

from tape.archives.databento.client import Estimate, Service
from tape.archives.databento.folder import Fetched, JobFolder
from tape.archives.databento.ordering import order, recent_jobs, same_job, wait_until_done
from tape.archives.databento.patience import Patience
from tape.archives.databento.query import JobDetails, JobSummary, Query

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
