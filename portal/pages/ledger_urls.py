"""Addresses of the audit log, of what is public of it, and of jobs."""

from django.urls import path, re_path

from portal.pages import audit_log, jobs

urlpatterns = [
    path("audit-log/", audit_log.AuditLogPage.as_view(), name="audit-log"),
    re_path(r"^audit-log/export\.(?P<form>csv|jsonl)$", audit_log.AuditLogExport.as_view(), name="audit-log-export"),
    path("audit-log/<int:idx>/", audit_log.LedgerEntryPage.as_view(), name="ledger-entry"),
    path("audit-log/<int:idx>/proof.json", audit_log.LedgerEntryJson.as_view(), name="ledger-entry-json"),
    path("log/checkpoint", audit_log.LogCheckpoint.as_view(), name="log-checkpoint"),
    path("log/key", audit_log.LogKey.as_view(), name="log-key"),
    path("log/key.pem", audit_log.LogKeyPem.as_view(), name="log-key-pem"),
    path("jobs/<uuid:job_id>/", jobs.JobPage.as_view(), name="job"),
    path("jobs/<uuid:job_id>/cancel/", jobs.JobCancel.as_view(), name="job-cancel"),
]
