"""All settings, from the environment alone (docs/settings.md lists the variables)."""

import os
import re
import socket
from pathlib import Path
from typing import Any

import dj_database_url

from boursomatic.accounts.client_address import Network, networks
from boursomatic.env import ROOT, BadSetting, Env
from boursomatic.serve.home import (
    SECRET_LENGTH,
    database_files,
    home_secret,
    make_private,
    open_home,
    secret_weakness,
)
from boursomatic.shared import logs
from boursomatic.shared.clusters import require_cluster
from boursomatic.shared.stores import SCHEME, storage_settings

# Read when LightGBM is loaded, which is after the settings. One thread unless a run asks for the cores that no other
# run holds; and threads that wait do so asleep: beside other work, spinning ones take many times as long as one alone.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

env = Env.read()

PRODUCTION = env.choice("BOURSOMATIC_ENV", ("local", "production"), "local") == "production"
LOG_FORMAT = logs.log_format(env)
LOGGING_CONFIG = None  # not by Django, which would do so later: what is said from here on is in this format
logs.configure(LOG_FORMAT)

HOME = Path(env.text("BOURSOMATIC_HOME", str(ROOT / "var"))).expanduser().absolute()
ARTIFACTS = env.text("BOURSOMATIC_ARTIFACTS", str(HOME / "artifacts"))
ARTIFACT_ROOT = HOME / "artifacts" if ARTIFACTS.startswith(SCHEME) else Path(ARTIFACTS).expanduser().absolute()
COLUMNS_ROOT = HOME / "columns"
open_home(HOME)
try:
    ARTIFACT_ROOT.mkdir(parents=True, exist_ok=True)
except OSError as error:
    raise BadSetting(
        f"BOURSOMATIC_ARTIFACTS is {ARTIFACT_ROOT}, which can't be made ({error.strerror}). "
        "Name a folder that the user who runs this may write to."
    ) from error

SECRET_KEY = env.text("SECRET_KEY")
if PRODUCTION and (_weakness := secret_weakness(SECRET_KEY)):
    raise BadSetting(
        f"SECRET_KEY {_weakness}. In production set it to {SECRET_LENGTH} or more random ones, as "
        "`python3 -c 'import secrets; print(secrets.token_urlsafe(50))'` prints them."
        if SECRET_KEY
        else "SECRET_KEY must be set in production, to 32 or more random characters."
    )
SECRET_KEY = SECRET_KEY or home_secret(HOME)
DEBUG = False
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
ALLOWED_HOSTS = env.names("ALLOWED_HOSTS", () if PRODUCTION else LOOPBACK)
CSRF_TRUSTED_ORIGINS = env.names("CSRF_TRUSTED_ORIGINS", ())
if PRODUCTION and not ALLOWED_HOSTS:
    raise BadSetting("ALLOWED_HOSTS must be set in production, to the names this site is reached by.")
if PRODUCTION and "*" in ALLOWED_HOSTS:
    raise BadSetting("ALLOWED_HOSTS is '*' in production. Name the hosts this site is reached by.")

# What the platform itself is told.
DEMO = env.flag("BOURSOMATIC_DEMO", default=not PRODUCTION)
if PRODUCTION and DEMO:
    raise BadSetting("BOURSOMATIC_DEMO is 1 in production. Remove it: production starts without demo data.")
WORKERS = env.whole("BOURSOMATIC_WORKERS", os.cpu_count() or 1, 0, 256)
HOST_NAME = env.text("BOURSOMATIC_HOST_NAME", socket.gethostname())
if not re.fullmatch(r"[A-Za-z0-9._-]{1,120}", HOST_NAME):
    raise BadSetting(f"BOURSOMATIC_HOST_NAME is {HOST_NAME!r}. Use letters, digits, '.', '_' and '-', 120 at most.")
QUEUES = env.some("BOURSOMATIC_QUEUES", ("click", "data", "about", "chunk"))  # of runs, which this host takes
ENGINE = env.choice("BOURSOMATIC_ENGINE", ("workers", "dask"), "workers")  # where chunks are worked out
DASK = env.text("BOURSOMATIC_DASK")
DASK_CA = env.text("BOURSOMATIC_DASK_CA")
DASK_CERT = env.text("BOURSOMATIC_DASK_CERT")
DASK_KEY = env.text("BOURSOMATIC_DASK_KEY")
if ENGINE == "dask":
    try:
        require_cluster(DASK, ca=DASK_CA, cert=DASK_CERT, key=DASK_KEY)
    except ValueError as error:
        raise BadSetting(str(error)) from error
MAX_RUNNING = env.whole("BOURSOMATIC_MAX_RUNNING", 0, 0, 100_000)
HEARTBEAT_S = env.whole("BOURSOMATIC_HEARTBEAT_S", 30, 1, 3600)
MAX_ACTIVE_PER_USER = env.whole("BOURSOMATIC_MAX_ACTIVE_PER_USER", 5, 1, 10_000)
MAX_QUEUED = env.whole("BOURSOMATIC_MAX_QUEUED", 200, 1, 1_000_000)
RETENTION_DAYS = env.whole("BOURSOMATIC_RETENTION_DAYS", 0, 0, 36_500)
COLUMNS_BYTES = env.whole("BOURSOMATIC_COLUMNS_GB", 8, 0, 100_000) * 2**30
BACKUPS = Path(env.text("BOURSOMATIC_BACKUPS", str(HOME / "backups"))).expanduser().absolute()
BACKUPS_KEEP = env.whole("BOURSOMATIC_BACKUPS_KEEP", 7, 1, 10_000)
MFA_REQUIRED = env.choice("BOURSOMATIC_MFA_REQUIRED", ("", "admins", "everyone"), "")  # who needs a second factor
DEFAULT_SYMBOL = env.text("BOURSOMATIC_DEFAULT_SYMBOL")

# Hosts that sources of bars may call although they are private and without TLS, as name or name:port.
SOURCE_HOSTS = env.names("BOURSOMATIC_SOURCE_HOSTS", ())
if PRODUCTION and SOURCE_HOSTS:
    raise BadSetting("BOURSOMATIC_SOURCE_HOSTS is set in production. Remove it: sources call public addresses alone.")

# Notices of models in use go to these by e-mail; each person chooses for himself, too. Both need a server.
NOTICE_TO = env.names("BOURSOMATIC_NOTICE_TO", ())
EMAIL_HOST = env.text("EMAIL_HOST")
EMAIL_PORT = env.whole("EMAIL_PORT", 25, 1, 65_535)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = env.flag("EMAIL_USE_TLS", default=False)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "boursomatic@localhost")
if NOTICE_TO and not EMAIL_HOST:
    raise BadSetting("BOURSOMATIC_NOTICE_TO is set, but no EMAIL_HOST to send by. Set both, or neither.")

INSTALLED_APPS = [
    "boursomatic.accounts",
    "boursomatic.notices",
    "instruments",
    "training",
    "predictions",
    "boursomatic.accounts.apps.SiteConfig",  # django.contrib.admin with our own site
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "boursomatic.serve.apps.StaticFiles",  # django.contrib.staticfiles, choosing what is collected
    "django_filters",
    "django_htmx",
    "django_q",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "knox",
    "rest_framework",
]

MIDDLEWARE = [
    "boursomatic.middleware.request_ids",
    "boursomatic.shared.requests_counted.count_requests",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "boursomatic.middleware.policies",
    "boursomatic.middleware.healthz_by_any_name",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "boursomatic.accounts.downloads.audit_downloads",
]

ROOT_URLCONF = "boursomatic.urls"
WSGI_APPLICATION = "boursomatic.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "boursomatic.shared.pages.shell",
                "boursomatic.notices.bell.bell",
            ],
        },
    }
]


CONNECT_TIMEOUT_S = 5  # libpq waits for ever for a host behind a dropped route, and with it all threads


def _database() -> dict[str, object]:
    url = env.text("DATABASE_URL")
    if not url:
        return {**_SQLITE, "NAME": str(HOME / "boursomatic.sqlite3")}
    try:
        config: dict[str, Any] = dict(dj_database_url.parse(url, conn_max_age=60, conn_health_checks=True))
    except ValueError as error:
        raise BadSetting("DATABASE_URL can't be read. Write postgres://user:password@host:port/name.") from error
    if config["ENGINE"] == "django.db.backends.sqlite3":
        return {**_SQLITE, "NAME": config["NAME"]}
    if config["ENGINE"] != "django.db.backends.postgresql":
        raise BadSetting("DATABASE_URL names a database other than PostgreSQL or SQLite. Use one of those.")
    if not config["NAME"]:
        raise BadSetting("DATABASE_URL names no database. Write postgres://user:password@host:port/name.")
    config["OPTIONS"] = {"connect_timeout": CONNECT_TIMEOUT_S, **_ALIVE, **config.get("OPTIONS", {})}
    return config


# A server that has gone without a word is noticed within a minute; the system's own defaults take hours.
_ALIVE = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 60_000}
# Measured: with these options four writers and two workers saw no "database is locked" in a soak of 916 tasks.
_SQLITE: dict[str, object] = {
    "ENGINE": "django.db.backends.sqlite3",
    "CONN_MAX_AGE": 60,
    "OPTIONS": {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
    },
}
DATABASES = {"default": _database()}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    make_private(*database_files(Path(str(DATABASES["default"]["NAME"]))))
if PRODUCTION and DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    raise BadSetting("DATABASE_URL must name a PostgreSQL database in production.")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# django-q2 is only the kick; the row of a run is the truth. These values were measured to hold:
# bulk and queue_limit of 1 so that nothing waits in a worker's memory, retry far above timeout, no second delivery
# by django-q2 itself (our sweeper does that), poll no more than what a lost ring of training.queue.bell costs.
TASK_TIMEOUT_S = 21_600
Q_CLUSTER = {
    "name": "boursomatic",
    "orm": "default",
    "broker_class": "training.queue.broker.Kicks",
    "workers": max(WORKERS, 1) + 1,  # the last takes clicks only (training.worker.runner)
    "queue_limit": 1,
    "bulk": 1,
    "poll": 0.25,
    "timeout": TASK_TIMEOUT_S,
    "retry": 4 * TASK_TIMEOUT_S + 60,
    "max_attempts": 1,
    "ack_failures": True,
    "catch_up": False,
    "save_limit": 100,
    "label": "Task queue",
    "guard_cycle": 0.5,
}
RECIPES = {  # kind of run -> its recipe; a further kind is one folder and one line here
    "candle": "training.recipes.candle.recipe.RECIPE",
    "ensemble": "training.recipes.ensemble.recipe.RECIPE",
    "confirmation": "training.recipes.confirmation.recipe.RECIPE",
    "control": "training.recipes.noise_control.recipe.RECIPE",
    "verification": "training.recipes.verification.recipe.RECIPE",
    "universe": "training.recipes.universe.recipe.RECIPE",
    "walk": "training.recipes.walk_forward.recipe.RECIPE",
    "walk_confirmation": "training.recipes.walk_forward.recipe.CONFIRMATION",
    "fold": "training.recipes.walk_forward.recipe.FOLD",
    "universe_control": "training.recipes.universe_control.recipe.RECIPE",
    "universe_verify": "training.recipes.universe_verify.recipe.RECIPE",
    "study": "training.recipes.study.recipe.RECIPE",
    "sweep": "training.recipes.sweep.recipe.RECIPE",
    "sweep_chunk": "training.recipes.sweep.recipe.CHUNK",
    "meta_fit": "training.recipes.meta_fit.recipe.RECIPE",
    "store": "training.recipes.store.recipe.RECIPE",
    "refresh": "training.recipes.refresh.recipe.RECIPE",
    "check": "training.recipes.check.recipe.RECIPE",
    "backup": "training.recipes.backup.recipe.RECIPE",
    "recommend": "predictions.recipes.recommend.recipe.RECIPE",
    "score": "predictions.recipes.score.recipe.RECIPE",
    "drift": "predictions.recipes.drift.recipe.RECIPE",
    "retrain": "predictions.recipes.retrain.recipe.RECIPE",
}
HOUSEKEEPING = [  # called beside the workers every 10 s, one after another
    "predictions.schedules.services.schedules_start",
    "predictions.schedules.chain.chains_continue",
    "instruments.imports.uploads.uploads_expire",
    "training.runs.checks.checks_start",
    "training.runs.backups.backup_failure_notice",
    "boursomatic.notices.housekeeping.notices_keep",
    "boursomatic.accounts.failed_logins.audit_keep",
]

try:
    _artifacts = storage_settings(ARTIFACTS, HOME)
except ValueError as error:
    raise BadSetting(f"BOURSOMATIC_ARTIFACTS {error}") from error
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(HOME / "files")}},
    "artifacts": _artifacts,
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
FILE_UPLOAD_HANDLERS = [
    "boursomatic.shared.uploads.SizeLimit",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
STATIC_URL = "/static/"
STATIC_ROOT = HOME / "static"
FILE_UPLOAD_PERMISSIONS = 0o600  # of what is stored for good; the rest is by umask (boursomatic/serve/home.py)
_PACKAGES = ROOT / "node_modules"
STATICFILES_DIRS = [
    ROOT / "static",
    *(
        (prefix, folder)
        for prefix, folder in (
            ("tabler/css", _PACKAGES / "@tabler/core/dist/css"),
            ("charts", _PACKAGES / "lightweight-charts/dist"),
        )
        if folder.is_dir()
    ),
]

AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "boursomatic.accounts.backends.RoleBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_RESET_TIMEOUT = 86_400  # of links to choose a password, and of invitations
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "login"
CSRF_FAILURE_VIEW = "boursomatic.errors.csrf_failure"


def _trusted_proxies() -> tuple[Network, ...]:
    try:
        return networks(env.names("BOURSOMATIC_TRUSTED_PROXIES", ()))
    except ValueError as error:
        raise BadSetting(
            f"BOURSOMATIC_TRUSTED_PROXIES: {error}. Write addresses or networks such as 127.0.0.1, 10.0.0.0/8."
        ) from error


TRUSTED_PROXIES = _trusted_proxies()

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "boursomatic.accounts.tokens.TokenAuthentication",
        "boursomatic.shared.rest.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["boursomatic.shared.rest.DenyAll"],  # a view declares its own, or nobody gets in
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["boursomatic.shared.rest.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "boursomatic.shared.rest.exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Boursomatic",
    "DESCRIPTION": "Train trading models from a chart, judged honestly.",
    "VERSION": "1",
    "TAGS": [
        {"name": name} for name in ("candle runs", "search", "predictions", "runs and models", "instruments", "data")
    ],
    "OAS_VERSION": "3.1.0",  # its schemas are JSON Schema, as records describe themselves
    "POSTPROCESSING_HOOKS": [],
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}
KNOX_TOKEN_MODEL = "accounts.ApiToken"
MIGRATION_MODULES = {"knox": None}  # its migrations make a table that accounts.ApiToken takes the place of
REST_KNOX = {"TOKEN_MODEL": "accounts.ApiToken", "AUTH_HEADER_PREFIX": "Token", "AUTO_REFRESH": False}

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
if PRODUCTION:
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_SSL_REDIRECT = True
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]

SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]  # HSTS for subdomains and preload: the owner's decision
