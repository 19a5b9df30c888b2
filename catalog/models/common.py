"""What the fields and managers of all models of the catalog share."""

from __future__ import annotations

from django.core.validators import RegexValidator

from portal.access import Permission

READ = Permission.CATALOG_MODEL_READ
SHA256 = RegexValidator(r"^[0-9a-f]{64}$", "A SHA-256 digest is 64 lower-case hexadecimal digits.")
NAME = RegexValidator(r"^[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?$", "Use lower-case letters, digits, dots, dashes.")
