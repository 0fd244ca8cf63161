"""All settings, by topic. Each comes from the environment or `.env`; nothing set means the embedded profile."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from pulse import keys
from pulse.embedded import database_settings
from pulse.environment import Environment

BASE_DIR = Path(__file__).resolve().parent.parent

env = Environment()
env.read_env(BASE_DIR / ".env")

# What this installation is
PULSE_HOME = Path(env.str("PULSE_HOME", default="") or BASE_DIR / "var").expanduser().resolve()
PRODUCTION = env.bool("PULSE_PRODUCTION", default=False)
DEBUG = env.bool("DEBUG", default=False)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])


def _secret(name: str) -> str:
    """A secret from the environment. Empty where it may be made up; in production it must be there."""
    value = str(env.str(name, default=""))
    if PRODUCTION and not value:
        raise ImproperlyConfigured(f"{name} must be set where PULSE_PRODUCTION is true")
    return value


SECRET_KEY = _secret("SECRET_KEY") or keys.secret_key(PULSE_HOME)
# The first key encrypts, all of them decrypt.
PULSE_ENCRYPTION_KEYS = [key for key in _secret("PULSE_ENCRYPTION_KEYS").split(",") if key] or [
    keys.encryption_key(PULSE_HOME)
]

# Database
DATABASES: dict[str, dict[str, Any]] = {
    "default": dict(env.db_url("DATABASE_URL", engine="pulse.postgres"))
    if env.str("DATABASE_URL", default="")
    else database_settings(PULSE_HOME)
}
# A web process holds no connection between requests: daphne's threads would keep one each.
DATABASES["default"]["CONN_MAX_AGE"] = 0
# The server ends a session that stands still in a transaction for so long, with the locks that others wait for: its
# process was stopped, or its machine is gone. 0: never.
TRANSACTION_IDLE_SECONDS = env.int("TRANSACTION_IDLE_SECONDS", default=60)
if TRANSACTION_IDLE_SECONDS:
    _options = DATABASES["default"].setdefault("OPTIONS", {})
    _idle = f"-c idle_in_transaction_session_timeout={TRANSACTION_IDLE_SECONDS}s"
    _options["options"] = f"{_options.get('options', '')} {_idle}".strip()
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Queue: empty means in-process
RABBITMQ_URL = env.str("RABBITMQ_URL", default="")
# Empty: the same server and user, on the port that the management API usually has
RABBITMQ_MANAGEMENT_URL = env.str("RABBITMQ_MANAGEMENT_URL", default="")

# Vectors: empty means the embedded index
QDRANT_URL = env.str("QDRANT_URL", default="")
QDRANT_API_KEY = env.str("QDRANT_API_KEY", default="")

# Units of work
UNIT_LEASE_SECONDS = env.int("UNIT_LEASE_SECONDS", default=60)
# After so long a message is taken for lost where its queue is empty, and after so long where it is not.
UNIT_LOST_SECONDS = env.int("UNIT_LOST_SECONDS", default=30)
UNIT_REPUBLISH_SECONDS = env.int("UNIT_REPUBLISH_SECONDS", default=300)
# A worker that was not heard of for so long is taken for dead: some of its heartbeats may be late.
WORKER_SILENT_SECONDS = env.int("WORKER_SILENT_SECONDS", default=20)
# How many transient errors a unit, or a message of another kind, may have; 0: any number.
# The delays between its tries grow.
MAX_TRIES_EXTRACTION = env.int("MAX_TRIES_EXTRACTION", default=3)
MAX_TRIES_TRANSFORM = env.int("MAX_TRIES_TRANSFORM", default=3)
MAX_TRIES_EMBEDDING = env.int("MAX_TRIES_EMBEDDING", default=3)
MAX_TRIES_JOBS = env.int("MAX_TRIES_JOBS", default=3)
MAX_TRIES_CUSTOM_FIELDS = env.int("MAX_TRIES_CUSTOM_FIELDS", default=5)
# Extraction of an integration is held back while more of its answers wait for their transform.
BACKLOG_LIMIT = env.int("BACKLOG_LIMIT", default=200)
# As many as an integration's own setting `parallel` may ask for.
WINDOW_EXTRACTION = env.int("WINDOW_EXTRACTION", default=50)
WINDOW_TRANSFORM = env.int("WINDOW_TRANSFORM", default=16)
WINDOW_EMBEDDING = env.int("WINDOW_EMBEDDING", default=512)
EMBEDDING_BATCH = env.int("EMBEDDING_BATCH", default=64)

# History: for so many days the log of runs, and what was dealt with (dead letters, alerts, verifications), is kept
EVENTS_KEEP_DAYS = env.int("EVENTS_KEEP_DAYS", default=90)
# The same for workers that are no more.
WORKERS_KEEP_DAYS = env.int("WORKERS_KEEP_DAYS", default=7)

# Alerts
# A job that was due so long ago and has not started is overdue; a run shorter than that never takes too long.
OVERDUE_MINUTES = env.int("OVERDUE_MINUTES", default=30)
# So many new open dead letters of a tenant within an hour are told.
ALERT_DEAD_LETTERS = env.int("ALERT_DEAD_LETTERS", default=10)
# A channel hears of a cause at most once in that time.
ALERT_INTERVAL_MINUTES = env.int("ALERT_INTERVAL_MINUTES", default=60)
# Empty: no e-mail can be sent.
EMAIL_URL = env.str("EMAIL_URL", default="")
if EMAIL_URL:
    vars().update(env.email_url("EMAIL_URL"))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("EMAIL_FROM", default="pulse@localhost")

# Applications
INSTALLED_APPS = [
    "daphne",
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "channels",
    "rest_framework",
    "pulse.tenancy",
    "integrations",
    "custommapping",
    "etl",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "pulse.urls"
ASGI_APPLICATION = "pulse.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "pulse" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# Who may come in
AUTH_USER_MODEL = "tenancy.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "admin:login"
SIMPLE_JWT = {"ACCESS_TOKEN_LIFETIME": timedelta(minutes=15), "REFRESH_TOKEN_LIFETIME": timedelta(days=1)}

# Live status: every web process listens to PostgreSQL and passes on within itself
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}

# Words and time
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True

# Static files: served by the web process itself
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

# Safe transport where there is any
if PRODUCTION:
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=3600)

# Logs go to standard error; secrets never reach a log call
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "filters": {"paths": {"()": "etl.api.logs.WithoutSecretPaths"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["paths"]}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        **{name: {"level": "WARNING"} for name in ("httpx", "httpcore", "daphne", "asyncio")},
        # Whatever it meets it raises besides, and we say it in one line instead of a traceback a second.
        "pika": {"level": "CRITICAL"},
    },
}

# The admin
UNFOLD = {
    "SITE_TITLE": "Pulse",
    "SITE_HEADER": "Pulse",
    "SITE_SYMBOL": "monitoring",
    "SHOW_HISTORY": True,
    "SIDEBAR": {"show_search": True, "navigation": "etl.admin.sidebar.navigation"},
}
