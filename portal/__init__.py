"""Gatehouse's ground floor: accounts, access, ledger, jobs, keys, page shell. Knows no model, no policy."""

from portal.celery import app as celery_app

__all__ = ["celery_app"]
