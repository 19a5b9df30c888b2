"""Celery tasks of governance."""
