"""Addresses of the audit log and of jobs below /api/v1/."""

from django.urls import path

from portal.api import jobs, ledger

urlpatterns = [
    path("ledger/entries", ledger.LedgerEntriesView.as_view(), name="api-ledger-entries"),
    path("ledger/entries/<int:idx>", ledger.LedgerEntryView.as_view(), name="api-ledger-entry"),
    path("ledger/checkpoint", ledger.LedgerCheckpointView.as_view(), name="api-ledger-checkpoint"),
    path("jobs/<uuid:job_id>", jobs.JobView.as_view(), name="api-job"),
    path("jobs/<uuid:job_id>/cancel", jobs.JobCancelView.as_view(), name="api-job-cancel"),
]
