"""All settings, by topic. Each comes from the environment or `.env`; nothing set means the embedded profile."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

from pulse import keys
from pulse.embedded import database_settings

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
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
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Queue: empty means in-process
RABBITMQ_URL = env.str("RABBITMQ_URL", default="")

# Vectors: empty means the embedded index
QDRANT_URL = env.str("QDRANT_URL", default="")
QDRANT_API_KEY = env.str("QDRANT_API_KEY", default="")

# Units of work
UNIT_LEASE_SECONDS = env.int("UNIT_LEASE_SECONDS", default=60)
UNIT_REPUBLISH_SECONDS = env.int("UNIT_REPUBLISH_SECONDS", default=300)
# As many as an integration's own setting `parallel` may ask for.
WINDOW_EXTRACTION = env.int("WINDOW_EXTRACTION", default=50)
WINDOW_TRANSFORM = env.int("WINDOW_TRANSFORM", default=16)
WINDOW_EMBEDDING = env.int("WINDOW_EMBEDDING", default=512)
EMBEDDING_BATCH = env.int("EMBEDDING_BATCH", default=64)

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
    "loggers": {name: {"level": "WARNING"} for name in ("httpx", "httpcore", "pika", "daphne", "asyncio")},
}

# The admin
UNFOLD = {
    "SITE_TITLE": "Pulse",
    "SITE_HEADER": "Pulse",
    "SITE_SYMBOL": "monitoring",
    "SHOW_HISTORY": True,
    "SIDEBAR": {"show_search": True, "navigation": "etl.admin.sidebar.navigation"},
}
