"""All settings, by topic. Each comes from the environment or `.env`; nothing set means the embedded profile."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from csp import constants as csp
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static

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
# What other services of this installation send as X-Internal-Auth. Empty: none may come in by it.
INTERNAL_AUTH_KEY = env.str("INTERNAL_AUTH_KEY", default="")
if PRODUCTION:
    keys.refuse_bad(SECRET_KEY, PULSE_ENCRYPTION_KEYS, INTERNAL_AUTH_KEY)

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

if PRODUCTION:
    keys.refuse_default(
        {
            "DATABASE_URL": DATABASES["default"].get("PASSWORD"),
            "RABBITMQ_URL": urlsplit(RABBITMQ_URL).password,
            "QDRANT_API_KEY": QDRANT_API_KEY,
        }
    )

# What tenants may have called that is not public: names, addresses and networks of hosts
PULSE_ALLOW_PRIVATE_HOSTS = env.allowed_hosts("PULSE_ALLOW_PRIVATE_HOSTS")

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
    # Its pages are found by `pulse.urls`: workers have none.
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "pulse.tenancy",
    "integrations",
    "custommapping",
    "etl",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "pulse.tenancy.access.AccessMiddleware",
    "pulse.tenancy.time_zones.TimeZoneMiddleware",
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
AUTHENTICATION_BACKENDS = ["pulse.tenancy.access.UserBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "admin:login"
# Login by OpenID Connect; empty: there is none
OIDC_RP_CLIENT_ID = env.str("OIDC_RP_CLIENT_ID", default="")
OIDC_RP_CLIENT_SECRET = env.str("OIDC_RP_CLIENT_SECRET", default="")
OIDC_ISSUER = env.str("OIDC_ISSUER", default="")
OIDC_OP_AUTHORIZATION_ENDPOINT = env.str("OIDC_OP_AUTHORIZATION_ENDPOINT", default="")
OIDC_OP_TOKEN_ENDPOINT = env.str("OIDC_OP_TOKEN_ENDPOINT", default="")
OIDC_OP_USER_ENDPOINT = env.str("OIDC_OP_USER_ENDPOINT", default="")
OIDC_OP_JWKS_ENDPOINT = env.str("OIDC_OP_JWKS_ENDPOINT", default="")
if OIDC_RP_CLIENT_ID:
    _provider = ("AUTHORIZATION", "TOKEN", "USER", "JWKS")
    for _name in ("OIDC_RP_CLIENT_SECRET", "OIDC_ISSUER", *(f"OIDC_OP_{_of}_ENDPOINT" for _of in _provider)):
        if not vars()[_name]:
            raise ImproperlyConfigured(f"{_name} must be set where OIDC_RP_CLIENT_ID is")
    AUTHENTICATION_BACKENDS.append("pulse.tenancy.oidc.OidcBackend")
OIDC_RP_SCOPES = env.str("OIDC_RP_SCOPES", default="openid email profile")
OIDC_RP_SIGN_ALGO = env.str("OIDC_RP_SIGN_ALGO", default="RS256")
OIDC_USERNAME_CLAIM = env.str("OIDC_USERNAME_CLAIM", default="sub")
OIDC_TENANT_CLAIM = env.str("OIDC_TENANT_CLAIM", default="tenant")
OIDC_ROLE_CLAIM = env.str("OIDC_ROLE_CLAIM", default="role")
OIDC_USE_PKCE = True
OIDC_TIMEOUT = 10
OIDC_CALLBACK_CLASS = "pulse.tenancy.oidc.CallbackView"
# Tries of a name at an address to log in within so many minutes; ten times as many of all names there, and of the name
# wherever. 0: any number.
LOGIN_TRIES = env.int("LOGIN_TRIES", default=5)
LOGIN_MINUTES = env.int("LOGIN_MINUTES", default=15)
# Requests to the API: of a tenant, and of each of its keys. 0: any number.
API_REQUESTS_PER_MINUTE = env.int("API_REQUESTS_PER_MINUTE", default=3000)
API_REQUESTS_PER_KEY_PER_MINUTE = env.int("API_REQUESTS_PER_KEY_PER_MINUTE", default=1200)
# As many proxies stand before the web process, and each adds to X-Forwarded-For who asked it.
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)
SIMPLE_JWT = {"ACCESS_TOKEN_LIFETIME": timedelta(minutes=15), "REFRESH_TOKEN_LIFETIME": timedelta(days=1)}

# The API's own description (see `etl.api.describing`)
SPECTACULAR_SETTINGS = {
    "TITLE": "Pulse",
    "DESCRIPTION": "Raw answers, work items, pull requests, jobs and metrics of a tenant. docs/api.md has examples.",
    "VERSION": "1",
    "SCHEMA_PATH_PREFIX": "/app/etl/",
    "SCHEMA_COERCE_PATH_PK": False,
    "COMPONENT_SPLIT_PATCH": False,
    "POSTPROCESSING_HOOKS": [],
}

# Live status: every web process listens to PostgreSQL and passes on within itself
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}

# Words and time
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True

# Static files: served by the web process itself
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "pulse" / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

# What browsers let our pages do: no script and no style but those of our own files, and no frame around them
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'"],
        "style-src-elem": ["'self'", csp.NONCE],
        # Widths and places that the admin's scripts and widgets set.
        "style-src-attr": ["'unsafe-inline'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True

# Safe transport where there is any
if PRODUCTION:
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=3600)
    # Whether other names below this one, and browsers' lists, are meant too is for their owner to say.
    SECURE_HSTS_INCLUDE_SUBDOMAINS = env.bool("SECURE_HSTS_INCLUDE_SUBDOMAINS", default=False)
    SECURE_HSTS_PRELOAD = env.bool("SECURE_HSTS_PRELOAD", default=False)
    SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
    SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
    # What looks after the process asks it itself, and not through the proxy.
    SECURE_REDIRECT_EXEMPT = [r"^app/etl/health/"]

# Logs go to standard error. Secrets never reach a log call of ours; what others log goes through the same filter.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "filters": {
        "redacted": {
            "()": "pulse.redaction.Redacted",
            "known": [
                SECRET_KEY,
                *PULSE_ENCRYPTION_KEYS,
                INTERNAL_AUTH_KEY,
                QDRANT_API_KEY,
                OIDC_RP_CLIENT_SECRET,
                str(DATABASES["default"].get("PASSWORD") or ""),
            ],
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["redacted"]}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        # Django's own handlers would print what the filter has not seen.
        "django": {"handlers": [], "level": "INFO"},
        "django.server": {"handlers": [], "propagate": True},
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
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("pulse/favicon.svg")},
    ],
    "SITE_SUBHEADER": "pulse.tenancy.admin.look.subheader",
    "SITE_ICON": "pulse.tenancy.admin.look.icon",
    "COLORS": {"primary": "pulse.tenancy.admin.look.colours"},
    "ACCOUNT": {"navigation": "pulse.tenancy.admin.look.account_links"},
    "STYLES": [lambda request: static("pulse/frame.css")],
    "SHOW_HISTORY": True,
    "DASHBOARD_CALLBACK": "etl.admin.home.dashboard",
    "SCRIPTS": [lambda request: static("pulse/admin.js")],
    "SIDEBAR": {"show_search": True, "navigation": "etl.admin.sidebar.navigation"},
}
