"""Settings of the portal, read from the environment.

Order of authority: the process environment, then `.env` beside manage.py, then `$DRAWBRIDGE_HOME/env`
(written once by `manage.py init_home`, it holds this installation's secrets).
"""

import sys
from pathlib import Path
from typing import Any

import environ
import structlog
from celery.schedules import crontab
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from provisioner.outbound.guard import networks

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")
DRAWBRIDGE_HOME = Path(env.str("DRAWBRIDGE_HOME", default=str(BASE_DIR / "var"))).resolve()
environ.Env.read_env(DRAWBRIDGE_HOME / "env")

# Commands that must work before the secrets exist: they make them, or look at nothing that needs them.
_BOOTSTRAP = any(arg in {"init_home", "makemigrations", "collectstatic"} for arg in sys.argv[1:2])


def _secret(name: str, placeholder: str) -> str:
    """Return a secret from the environment, or a placeholder while the installation is being made."""
    value: str = env.str(name, default="")
    if value:
        return value
    if _BOOTSTRAP:
        return placeholder
    raise ImproperlyConfigured(
        f"{name} is not set. Run `python manage.py init_home` to make this installation's secrets in "
        f"{DRAWBRIDGE_HOME / 'env'}, or set {name} in the environment."
    )


DEBUG = env.bool("DRAWBRIDGE_DEBUG", default=False)
SECRET_KEY = _secret("DRAWBRIDGE_SECRET_KEY", "placeholder-" + "k" * 60)
# "id:base64 of 32 bytes", newest first. The first one encrypts; every one decrypts.
DRAWBRIDGE_ENCRYPTION_KEYS = [
    key
    for key in _secret("DRAWBRIDGE_ENCRYPTION_KEYS", "test:" + "A" * 43 + "=").replace(" ", "").split(",")
    if key
]

# --- Drawbridge's own -------------------------------------------------------------------------------------
DRAWBRIDGE_TARGET = env.str("DRAWBRIDGE_TARGET", default="sandbox")
if DRAWBRIDGE_TARGET not in {"sandbox", "aws"}:
    raise ImproperlyConfigured(f"DRAWBRIDGE_TARGET is {DRAWBRIDGE_TARGET!r}; it must be 'sandbox' or 'aws'.")
DRAWBRIDGE_TERRAFORM = env.str("DRAWBRIDGE_TERRAFORM", default="")
DRAWBRIDGE_WORK_DIR = Path(env.str("DRAWBRIDGE_WORK_DIR", default=str(DRAWBRIDGE_HOME / "work"))).resolve()
DRAWBRIDGE_SANDBOX_HOME = Path(
    env.str("DRAWBRIDGE_SANDBOX_HOME", default=str(DRAWBRIDGE_HOME / "sandbox"))
).resolve()
DRAWBRIDGE_PROVIDER_MIRROR = env.str("DRAWBRIDGE_PROVIDER_MIRROR", default="")
DRAWBRIDGE_PLAN_TIMEOUT_S = env.int("DRAWBRIDGE_PLAN_TIMEOUT_S", default=900)
DRAWBRIDGE_APPLY_TIMEOUT_S = env.int("DRAWBRIDGE_APPLY_TIMEOUT_S", default=7200)
DRAWBRIDGE_STOP_GRACE_S = env.int("DRAWBRIDGE_STOP_GRACE_S", default=60)
# A worker that is asked to end lets its applies finish for so long, then stops their Terraform gracefully.
DRAWBRIDGE_SHUTDOWN_GRACE_S = env.int("DRAWBRIDGE_SHUTDOWN_GRACE_S", default=300)
DRAWBRIDGE_PORT = env.int("PORT", default=8000)
DRAWBRIDGE_URL = env.str("DRAWBRIDGE_URL", default=f"http://127.0.0.1:{DRAWBRIDGE_PORT}")
# Where workers' Terraform reaches the state backend; differs from the public address behind a proxy.
DRAWBRIDGE_INTERNAL_URL = env.str("DRAWBRIDGE_INTERNAL_URL", default=DRAWBRIDGE_URL)
DRAWBRIDGE_MODULES_DIR = Path(
    env.str("DRAWBRIDGE_MODULES_DIR", default=str(BASE_DIR / "terraform_modules"))
).resolve()
# A YAML file of further sources of modules; empty: none.
DRAWBRIDGE_CATALOG_SOURCES = env.str("DRAWBRIDGE_CATALOG_SOURCES", default="")
DRAWBRIDGE_GIT_TIMEOUT_S = env.int("DRAWBRIDGE_GIT_TIMEOUT_S", default=120)
DRAWBRIDGE_GIT_MAX_MIB = env.int("DRAWBRIDGE_GIT_MAX_MIB", default=50)
DRAWBRIDGE_GIT_ALLOW_FILE = env.bool("DRAWBRIDGE_GIT_ALLOW_FILE", default=False)
# What modules may use; looked at when a version is published.
DRAWBRIDGE_MODULE_PROVIDERS = env.list("DRAWBRIDGE_MODULE_PROVIDERS", default=["hashicorp/aws"])
DRAWBRIDGE_MODULE_SOURCE_HOSTS = env.list("DRAWBRIDGE_MODULE_SOURCE_HOSTS", default=[])
DRAWBRIDGE_ALLOW_CODE_IN_MODULES = env.bool("DRAWBRIDGE_ALLOW_CODE_IN_MODULES", default=False)
DRAWBRIDGE_POLICY_FILE = Path(
    env.str("DRAWBRIDGE_POLICY_FILE", default=str(BASE_DIR / "portal" / "policy" / "default.yaml"))
).resolve()
# Where the policy in force comes from: "file" (a file, or a folder of them), "git", or "edited" in the portal.
DRAWBRIDGE_POLICY_SOURCE = env.str("DRAWBRIDGE_POLICY_SOURCE", default="file")
if DRAWBRIDGE_POLICY_SOURCE not in ("file", "git", "edited"):
    raise ImproperlyConfigured(
        f"DRAWBRIDGE_POLICY_SOURCE is {DRAWBRIDGE_POLICY_SOURCE!r}: set it to file, git or edited."
    )
DRAWBRIDGE_POLICY_GIT_URL = env.str("DRAWBRIDGE_POLICY_GIT_URL", default="")
DRAWBRIDGE_POLICY_GIT_REF = env.str("DRAWBRIDGE_POLICY_GIT_REF", default="main")
DRAWBRIDGE_POLICY_GIT_PATH = env.str("DRAWBRIDGE_POLICY_GIT_PATH", default="")
DRAWBRIDGE_POLICY_REFRESH_S = env.int("DRAWBRIDGE_POLICY_REFRESH_S", default=300)
# Unit tests that every proposed policy is run against; empty: none.
DRAWBRIDGE_POLICY_TESTS = env.str(
    "DRAWBRIDGE_POLICY_TESTS", default=str(BASE_DIR / "portal" / "policy" / "tests")
)
DRAWBRIDGE_PRICES_DIR = Path(
    env.str("DRAWBRIDGE_PRICES_DIR", default=str(BASE_DIR / "provisioner" / "prices"))
).resolve()
# Who estimates plans: the price book, or infracost where it is installed on the workers (empty path: on PATH).
DRAWBRIDGE_COST_BACKEND = env.str("DRAWBRIDGE_COST_BACKEND", default="book")
if DRAWBRIDGE_COST_BACKEND not in {"book", "infracost"}:
    raise ImproperlyConfigured(
        f"DRAWBRIDGE_COST_BACKEND is {DRAWBRIDGE_COST_BACKEND!r}; it must be 'book' or 'infracost'."
    )
DRAWBRIDGE_INFRACOST = env.str("DRAWBRIDGE_INFRACOST", default="")
DRAWBRIDGE_INFRACOST_TIMEOUT_S = env.int("DRAWBRIDGE_INFRACOST_TIMEOUT_S", default=60)
DRAWBRIDGE_LEASE_S = env.int("DRAWBRIDGE_LEASE_S", default=60)
DRAWBRIDGE_HEARTBEAT_S = env.int("DRAWBRIDGE_HEARTBEAT_S", default=10)
DRAWBRIDGE_SWEEP_S = env.int("DRAWBRIDGE_SWEEP_S", default=15)
DRAWBRIDGE_DRIFT_CHECK_HOURS = env.float("DRAWBRIDGE_DRIFT_CHECK_HOURS", default=24)
DRAWBRIDGE_LOG_LIMIT_BYTES = env.int("DRAWBRIDGE_LOG_LIMIT_BYTES", default=10 * 1024 * 1024)
# Days after a run's end until its log is moved from the database to the archive; 0: never.
DRAWBRIDGE_LOG_KEEP_DAYS = env.int("DRAWBRIDGE_LOG_KEEP_DAYS", default=90)
DRAWBRIDGE_ARCHIVE_DIR = Path(
    env.str("DRAWBRIDGE_ARCHIVE_DIR", default=str(DRAWBRIDGE_HOME / "archive"))
).resolve()
# Another storage backend than a folder, and its options as JSON; see docs/deployment.md.
DRAWBRIDGE_ARCHIVE_STORAGE = env.str("DRAWBRIDGE_ARCHIVE_STORAGE", default="")
DRAWBRIDGE_ARCHIVE_STORAGE_OPTIONS = env.json("DRAWBRIDGE_ARCHIVE_STORAGE_OPTIONS", default={})

# --- Mail -------------------------------------------------------------------------------------------------
# A URL of django-environ, such as smtp+tls://user:password@mail.example.com:587; consolemail:// prints what is sent.
_MAIL: dict[str, Any] = env.email_url("DRAWBRIDGE_MAIL_URL", default="consolemail://")
EMAIL_BACKEND = _MAIL["EMAIL_BACKEND"]
EMAIL_HOST, EMAIL_PORT = _MAIL["EMAIL_HOST"] or "localhost", _MAIL["EMAIL_PORT"] or 25
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _MAIL["EMAIL_HOST_USER"] or "", _MAIL["EMAIL_HOST_PASSWORD"] or ""
EMAIL_USE_TLS, EMAIL_USE_SSL = _MAIL.get("EMAIL_USE_TLS", False), _MAIL.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("DRAWBRIDGE_MAIL_FROM", default="Drawbridge <drawbridge@localhost>")

# Networks that channels of notifications may reach though they are not public, such as 10.1.0.0/16; plain http too.
DRAWBRIDGE_WEBHOOK_ALLOW = env.list("DRAWBRIDGE_WEBHOOK_ALLOW", default=[])
try:
    networks(DRAWBRIDGE_WEBHOOK_ALLOW)
except ValueError as error:
    raise ImproperlyConfigured(f"DRAWBRIDGE_WEBHOOK_ALLOW: {error}") from error
# Days that is kept what people were told; 0: for ever.
DRAWBRIDGE_NOTIFICATION_KEEP_DAYS = env.int("DRAWBRIDGE_NOTIFICATION_KEEP_DAYS", default=90)

# --- Django -----------------------------------------------------------------------------------------------
ALLOWED_HOSTS = env.list("DRAWBRIDGE_ALLOWED_HOSTS", default=["127.0.0.1", "localhost"])
CSRF_TRUSTED_ORIGINS = env.list("DRAWBRIDGE_CSRF_TRUSTED_ORIGINS", default=[])
ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "csp",
    "django_htmx",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "catalog.apps.CatalogConfig",
    "provisioner.apps.ProvisionerConfig",
    "portal.apps.PortalConfig",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "portal.middleware.RequestIdMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "portal.api.middleware.ApiMiddleware",
]

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
                "portal.context.portal",
            ]
        },
    }
]


def _database() -> dict[str, Any]:
    """SQLite under DRAWBRIDGE_HOME unless DATABASE_URL names another; the options of each are here."""
    config: dict[str, Any] = env.db(
        "DATABASE_URL", default=f"sqlite:///{DRAWBRIDGE_HOME / 'drawbridge.sqlite3'}"
    )
    options = config.setdefault("OPTIONS", {})
    # A wait looks ten times a second and Terraform asks several times for each run: no new connection for each.
    config["CONN_MAX_AGE"] = env.int("DRAWBRIDGE_DB_CONN_MAX_AGE", default=60)
    if config["ENGINE"] == "django.db.backends.sqlite3":
        # Deferred transactions fail half of concurrent writes; IMMEDIATE queues them.
        options |= {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        }
    else:
        config["CONN_HEALTH_CHECKS"] = True
        options["options"] = (
            "-c statement_timeout=15000 -c lock_timeout=5000 -c idle_in_transaction_session_timeout=30000"
        )
    return config


DATABASES = {"default": _database()}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

STATIC_URL = "/static/"
STATIC_ROOT = DRAWBRIDGE_HOME / "static"
STATICFILES_DIRS = [BASE_DIR / "portal" / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "portal.static_files.StaticFilesStorage"
    },
    # Logs of old runs, sealed (provisioner/logs/archive.py).
    "archive": {
        "BACKEND": DRAWBRIDGE_ARCHIVE_STORAGE,
        "OPTIONS": DRAWBRIDGE_ARCHIVE_STORAGE_OPTIONS,
    }
    if DRAWBRIDGE_ARCHIVE_STORAGE
    else {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {
            "location": DRAWBRIDGE_ARCHIVE_DIR,
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
        },
    },
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
# State uploads are larger than any form; the state view alone reads bodies past the form limit.
DRAWBRIDGE_STATE_MAX_BYTES = env.int("DRAWBRIDGE_STATE_MAX_BYTES", default=64 * 1024 * 1024)
# Plans of other pipelines that are checked here; each takes up to three times its size in a web process for a moment.
DRAWBRIDGE_PLAN_MAX_BYTES = env.int("DRAWBRIDGE_PLAN_MAX_BYTES", default=32 * 1024 * 1024)

# --- Security ---------------------------------------------------------------------------------------------
# Served over plain HTTP on loopback by default; behind TLS set DRAWBRIDGE_HTTPS=1.
HTTPS = env.bool("DRAWBRIDGE_HTTPS", default=False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31536000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$", r"^api/v1/state/"]
if HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}

# --- REST API ---------------------------------------------------------------------------------------------
# Whoever scrapes /metrics sends it as a bearer token; empty: only processes of this machine may.
DRAWBRIDGE_METRICS_TOKEN = env.str("DRAWBRIDGE_METRICS_TOKEN", default="")

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "portal.api.authentication.TokenAuthentication",
        "portal.api.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["portal.api.permissions.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["portal.api.parsers.StrictJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "portal.api.pagination.CursorPagination",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "portal.api.problems.exception_handler",
    "DEFAULT_THROTTLE_CLASSES": ["portal.api.throttles.TokenRateThrottle"],
    "DEFAULT_THROTTLE_RATES": {"token": env.str("DRAWBRIDGE_API_RATE", default="1200/min")},
    "DEFAULT_METADATA_CLASS": None,
    "URL_FORMAT_OVERRIDE": None,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "DATETIME_FORMAT": "iso-8601",
    "COERCE_DECIMAL_TO_STRING": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Drawbridge API",
    "DESCRIPTION": "Order infrastructure from golden paths, follow it through plan, approval and apply.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "RunStatusEnum": "provisioner.models.run.STATUS_CHOICES",
        "RunKindEnum": "provisioner.models.run.KIND_CHOICES",
        "NewRunKindEnum": ["update", "upgrade", "destroy", "drift_check", "renew"],
        "VerdictEnum": ["approve", "override", "reject", "request_changes"],
        "ReviewVerdictEnum": ["acknowledged", "objected"],
        "ChannelModeEnum": "provisioner.models.notification.CHANNEL_MODES",
        "ChannelKindEnum": "provisioner.models.notification.KINDS",
        "DeliveryStatusEnum": "provisioner.models.notification.STATUSES",
        "RecoveryVerdictEnum": ["continues", "finished", "asks", "gave_up"],
        "CostStatusEnum": ["added", "changed", "removed", "unchanged"],
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "portal.api.description.describe_problems",
    ],
}

# --- Celery: the message only rings, the database owns recovery -------------------------------------------
CELERY_BROKER_URL = env.str("DRAWBRIDGE_BROKER_URL", default="redis://127.0.0.1:6390/0")
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False
CELERY_TASK_REJECT_ON_WORKER_LOST = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_DISABLE_PREFETCH = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # Lets several installations share one Redis.
    "global_keyprefix": env.str("DRAWBRIDGE_BROKER_PREFIX", default=""),
    "visibility_timeout": 300,
    "unacked_restore_interval": 10,
    "socket_keepalive": True,
    "health_check_interval": 25,
    # Publishing must fail fast: the sweeper rings again.
    "socket_connect_timeout": 2,
    "socket_timeout": 10,
    "max_retries": 1,
}
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_CREATE_MISSING_QUEUES = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE_FILENAME = str(DRAWBRIDGE_HOME / "beat-schedule")
CELERY_BEAT_SCHEDULE = {
    "sweep": {
        "task": "provisioner.sweep",
        "schedule": DRAWBRIDGE_SWEEP_S,
        "options": {"queue": "control", "expires": DRAWBRIDGE_SWEEP_S},
    },
    "look-for-workers": {
        "task": "provisioner.look_for_workers",
        "schedule": 30,
        "options": {"queue": "default", "expires": 30},
    },
    "refresh-policy": {
        "task": "provisioner.refresh_policy",
        "schedule": DRAWBRIDGE_POLICY_REFRESH_S,
        "options": {"queue": "default", "expires": DRAWBRIDGE_POLICY_REFRESH_S},
    },
    "archive-logs": {
        "task": "provisioner.archive_logs",
        "schedule": crontab(hour=3, minute=20),
        "options": {"queue": "default", "expires": 3600},
    },
    "check-drift": {
        "task": "provisioner.check_drift",
        "schedule": 600,
        "options": {"queue": "control", "expires": 600},
    },
    # What a worker or a broker lost, what is tried again, and digests.
    "notify": {
        "task": "provisioner.notify_sweep",
        "schedule": DRAWBRIDGE_SWEEP_S,
        "options": {"queue": "notify", "expires": DRAWBRIDGE_SWEEP_S},
    },
    "forget-notifications": {
        "task": "provisioner.forget_notifications",
        "schedule": crontab(hour=3, minute=40),
        "options": {"queue": "notify", "expires": 3600},
    },
    "expire": {
        "task": "provisioner.expire",
        "schedule": 15 * 60,
        "options": {"queue": "control", "expires": 15 * 60},
    },
}

# --- Logs -------------------------------------------------------------------------------------------------
LOG_JSON = env.bool("DRAWBRIDGE_LOG_JSON", default=False)
_PRE_CHAIN: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
structlog.configure(
    processors=[*_PRE_CHAIN, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "structured": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                # Plain tracebacks: a renderer that shows local variables shows passwords, and takes seconds.
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer()
                if LOG_JSON
                else structlog.dev.ConsoleRenderer(
                    colors=False, exception_formatter=structlog.dev.plain_traceback
                ),
            ],
            "foreign_pre_chain": _PRE_CHAIN,
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "structured"}},
    "root": {"handlers": ["console"], "level": env.str("DRAWBRIDGE_LOG_LEVEL", default="INFO")},
    # python-terraform prints variables at DEBUG; httpx prints every URL at INFO.
    "loggers": {
        "python_terraform": {"level": "CRITICAL", "propagate": False},
        "httpx": {"level": "WARNING"},
        "django.server": {"level": "WARNING"},
        # A 404 is an answer (Terraform's first look at a state is one); defects are errors.
        "django.request": {"level": "ERROR"},
    },
}
