"""All settings of a Gatehouse installation. Everything that differs between machines comes from the environment."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import environ
import structlog
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

# ------------------------------------------------------------------ the installation
VAR_DIR = Path(env.str("GATEHOUSE_VAR", default=str(BASE_DIR / "var"))).resolve()
KEYS_DIR = VAR_DIR / "keys"
TESTING = env.bool("GATEHOUSE_TEST", default=False)
DEBUG = False


def _secret_key() -> str:
    """The secret of this installation: environment first, else the key file. There is no default."""
    value = env.str("SECRET_KEY", default="")
    path = KEYS_DIR / "secret_key"
    if not value and path.exists():
        value = path.read_text().strip()
    if not value and TESTING:
        value = os.urandom(32).hex()
    if not value:
        raise ImproperlyConfigured(
            f"No secret key: start with ./gatehouse run, or put 50 random characters in {path} (mode 0600)."
        )
    return value


SECRET_KEY = _secret_key()
PUBLIC_URL = env.str("GATEHOUSE_URL", default=f"http://localhost:{env.int('GATEHOUSE_PORT', default=8000)}").rstrip("/")
PUBLIC_HOST = PUBLIC_URL.split("://", 1)[1].split("/")[0]
IS_HTTPS = PUBLIC_URL.startswith("https://")
SITE_NAME = env.str("GATEHOUSE_NAME", default="Gatehouse")
ALLOWED_HOSTS = [PUBLIC_HOST.split(":")[0], "localhost", "127.0.0.1", "[::1]", *env.list("GATEHOUSE_HOSTS", default=[])]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
LEDGER_ORIGIN = env.str("GATEHOUSE_LEDGER_ORIGIN", default=f"{PUBLIC_HOST}/gatehouse")

# ------------------------------------------------------------------ application
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "django.forms",
    "allauth",
    "allauth.account",
    "rest_framework",
    "drf_spectacular",
    "django_htmx",
    "django_structlog",
    "csp",
    "portal.accounts",
    "portal.ledger",
    "portal.jobs",
    "portal.notices",
    "portal",
    "catalog",
    "governance",
    "audits",
    "demo",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "portal.middleware_body.BodyMiddleware",
    "portal.middleware.DomainErrorMiddleware",
    "portal.middleware.FirstPasswordMiddleware",
    "demo.middleware.StoryMiddleware",
]
ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.shell.context.shell",
            ],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# ------------------------------------------------------------------ store
DATABASES: dict[str, Any] = {
    "default": env.db_url("DATABASE_URL", default="postgres://gatehouse_app@localhost/gatehouse")
}
DATABASES["default"] |= {
    "ATOMIC_REQUESTS": False,
    "CONN_HEALTH_CHECKS": True,
    "DISABLE_SERVER_SIDE_CURSORS": True,
}
# A pool shares connections between the web threads of a process; workers, commands and tests keep one each.
if env.bool("GATEHOUSE_DB_POOL", default=False):
    DATABASES["default"].setdefault("OPTIONS", {})["pool"] = {"min_size": 1, "max_size": 8, "timeout": 10}
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 0 if TESTING else 600
DATABASE_OWNER_URL = env.str("DATABASE_OWNER_URL", default="")
DATABASE_APP_ROLE = env.str("GATEHOUSE_APP_ROLE", default="gatehouse_app")
REDIS_URL = env.str("REDIS_URL", default="redis://localhost:6379/0")
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "portal_cache"}}
SESSION_ENGINE = "django.contrib.sessions.backends.db"

STORAGES = {
    "default": {
        "BACKEND": env.str("GATEHOUSE_STORAGE", default="django.core.files.storage.FileSystemStorage"),
        "OPTIONS": env.json("GATEHOUSE_STORAGE_OPTIONS", default={"location": str(VAR_DIR / "artifacts")}),
    },
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if TESTING
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = TESTING
ARTIFACT_MAX_BYTES = env.int("GATEHOUSE_ARTIFACT_MAX_BYTES", default=20 * 1024**3)
PREDICTIONS_MAX_BYTES = env.int("GATEHOUSE_PREDICTIONS_MAX_BYTES", default=512 * 1024**2)
# Any body that is no upload: a form, or JSON. Judged by its announced length, before it is read.
BODY_MAX_BYTES = DATA_UPLOAD_MAX_MEMORY_SIZE = env.int("GATEHOUSE_BODY_MAX_BYTES", default=2 * 1024**2)
# Prediction files that wait between the two steps of the upload form: for one person, and in all.
STAGED_MAX_FILES = env.int("GATEHOUSE_STAGED_MAX_FILES", default=5)
STAGED_MAX_BYTES = env.int("GATEHOUSE_STAGED_MAX_BYTES", default=1024**3)
STAGED_TOTAL_BYTES = env.int("GATEHOUSE_STAGED_TOTAL_BYTES", default=8 * 1024**3)
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024**2
DATA_UPLOAD_MAX_NUMBER_FIELDS = 500

# ------------------------------------------------------------------ people
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
if TESTING:
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_ADAPTER = "portal.accounts.adapter.AccountAdapter"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_RATE_LIMITS = {"login": "60/m/ip", "login_failed": "10/m/ip,5/5m/key"}
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("GATEHOUSE_PROXIES", default=0)
SESSION_COOKIE_AGE = 12 * 3600

# ------------------------------------------------------------------ passkeys
# The origin that a browser signs for, and the name that its keys belong to: the host, or a domain above it.
PASSKEY_ORIGIN = "/".join(PUBLIC_URL.split("/")[:3])
PASSKEY_RP_ID = env.str("GATEHOUSE_PASSKEY_RP_ID", default=PUBLIC_HOST.split(":")[0])
# The risk tiers in which a decision counts only when it is signed, e.g. "high" or "high,limited".
PASSKEY_TIERS = env.list("GATEHOUSE_PASSKEY_TIERS", default=[])

# ------------------------------------------------------------------ security
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "portal.pages.errors.csrf_failure"
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_NAME = "gatehouse_session"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 31536000 if IS_HTTPS else 0
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# ------------------------------------------------------------------ time, language
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-gb"
USE_I18N = False

# ------------------------------------------------------------------ API
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["portal.api.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["portal.api.permissions.DeclaredPermission"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["portal.api.parsers.BoundedJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "portal.api.problems.problem_handler",
    "DEFAULT_PAGINATION_CLASS": None,
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Gatehouse",
    "DESCRIPTION": "Register models, submit evidence, ask for a gate check, request a release, fetch the proof.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "ConditionStateEnum": "governance.choices.ConditionState",
        "DatasetRoleEnum": "catalog.choices.DatasetRole",
        "DecisionChoiceEnum": "governance.choices.DecisionChoice",
        "DraftChoiceEnum": "governance.choices.DraftChoice",
        "DraftStateEnum": "governance.choices.DraftState",
        "PolicyKindEnum": "governance.choices.PolicyKind",
        "VerdictEnum": "governance.choices.Verdict",
        "VoteChoiceEnum": "governance.choices.VoteChoice",
        "DecidingRoleEnum": [
            ("validator", "Validator"),
            ("risk", "Risk reviewer"),
            ("fairness", "Fairness reviewer"),
            ("legal", "Legal reviewer"),
            ("compliance", "Compliance reviewer"),
        ],
        "JobStateEnum": "portal.jobs.choices.State",
        "MaterialityEnum": "governance.choices.Materiality",
        "ReleaseStateEnum": "governance.choices.ReleaseState",
    },
}
GATE_CHECK_WAIT_SECONDS = 2.0

# ------------------------------------------------------------------ gates
# OPA servers that policies may name: {"NAME": {"url": "https://…", "token": "…"}}.
OPA_SERVERS: dict[str, Any] = env.json("GATEHOUSE_OPA_SERVERS", default={})

# ------------------------------------------------------------------ jobs
CELERY_BROKER_URL = REDIS_URL
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 1_500_000
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 3600, "socket_timeout": 5, "socket_connect_timeout": 1}
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = {
    "sequence-ledger": {
        "task": "portal.ledger.tasks.sequence_and_checkpoint",
        "schedule": 2.0,
        "options": {"expires": 10},
    },
    "sweep-jobs": {"task": "portal.jobs.tasks.sweep_jobs", "schedule": 5.0, "options": {"expires": 20}},
    "tell": {"task": "portal.notices.tasks.tell", "schedule": 3.0, "options": {"expires": 20}},
    "prune-notices": {"task": "portal.notices.tasks.prune", "schedule": 3600.0, "options": {"expires": 3600}},
    "sweep-staged": {"task": "audits.tasks.sweep_staged", "schedule": 300.0, "options": {"expires": 300}},
    "sweep-due": {"task": "governance.tasks.sweep_due", "schedule": 30.0, "options": {"expires": 60}},
    "sweep-rollouts": {"task": "governance.tasks.sweep_rollouts", "schedule": 15.0, "options": {"expires": 30}},
}

# ------------------------------------------------------------------ notices
# smtp://USER:PASSWORD@HOST:PORT, smtp+tls://… for STARTTLS, smtp+ssl://… for TLS. Without it no e-mail is sent.
MAIL_URL = env.str("GATEHOUSE_MAIL_URL", default="")
MAIL_ENABLED = bool(MAIL_URL)
if MAIL_ENABLED:
    globals().update(env.email_url("GATEHOUSE_MAIL_URL"))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("GATEHOUSE_MAIL_FROM", default=f"{SITE_NAME} <gatehouse@{PUBLIC_HOST.split(':')[0]}>")
# Networks inside that webhooks may call although they are not public, such as 10.1.0.0/16.
WEBHOOK_NETWORKS = env.list("GATEHOUSE_WEBHOOK_NETWORKS", default=[])

# ------------------------------------------------------------------ evidence
TSA_URL = env.str("GATEHOUSE_TSA_URL", default="")

# ------------------------------------------------------------------ logs
# In a terminal people read them, elsewhere machines do. Tokens and passwords never reach a log: bodies are not logged.
_renderer: Any = structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
_shared: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        *_shared,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "default": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processor": _renderer,
            "foreign_pre_chain": _shared,
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "default"}},
    "root": {"handlers": ["stderr"], "level": env.str("GATEHOUSE_LOG_LEVEL", default="WARNING" if TESTING else "INFO")},
    "loggers": {
        "fontTools": {"level": "WARNING"},
        "weasyprint": {"level": "ERROR"},
        "pyhanko": {"level": "WARNING"},
        "pyhanko_certvalidator": {"level": "WARNING"},
    },
}
# auth.W004: usernames are unique by a constraint on lower(username), stricter than the check looks for.
SILENCED_SYSTEM_CHECKS = ["auth.W004"]
