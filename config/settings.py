"""Django settings. Every deployment value is a variable; the defaults are the embedded services."""

import secrets
from pathlib import Path

import dj_database_url

from config import environment
from contributions import recordings

BASE_DIR = environment.BASE_DIR
DATA_DIR = environment.data_dir()
ENV = environment.load()


def flag(name: str, *, default: bool) -> bool:
    """A variable read as yes or no."""
    return ENV.get(name, "1" if default else "0").lower() in {"1", "true", "yes", "on"}


def listing(name: str, default: str = "") -> list[str]:
    """A comma-separated variable."""
    return [item.strip() for item in ENV.get(name, default).split(",") if item.strip()]


def secret_key() -> str:
    """Django's key: a variable in production, else a random one made on first use (mode 0600)."""
    if "DJANGO_SECRET_KEY" in ENV:
        return ENV["DJANGO_SECRET_KEY"]
    path = DATA_DIR / "secrets" / "django"
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(48))
    return path.read_text()


# production: refuses everything that exists for demonstrations only.
PRODUCTION = flag("LAM_PRODUCTION", default=False)
DEBUG = flag("DJANGO_DEBUG", default=False)
SECRET_KEY = secret_key()
ALLOWED_HOSTS = listing("DJANGO_ALLOWED_HOSTS", "127.0.0.1,localhost")
CSRF_TRUSTED_ORIGINS = listing("DJANGO_CSRF_TRUSTED_ORIGINS")
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "accounts.User"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
USE_I18N = True

INSTALLED_APPS = [
    "config.apps.ActionModelAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "chain",
    "accounts",
    "contributions",
    "points",
    "marketplace",
    "governance",
    "web",
    "config.apps.ConfigConfig",
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
    "web.security.content_security_policy",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# PostgreSQL: the application's role reads and appends, the owner's migrates (`--database owner`).
DATABASE_URL = ENV.get("DATABASE_URL", "postgresql://lam_app@127.0.0.1:5432/lam")
DATABASE_APP_ROLE = ENV.get("DATABASE_APP_ROLE", "lam_app")
DATABASES = {
    "default": dj_database_url.parse(DATABASE_URL, conn_max_age=60, conn_health_checks=True),
    "owner": {
        **dj_database_url.parse(ENV.get("DATABASE_OWNER_URL", DATABASE_URL)),
        "TEST": {"MIRROR": "default"},
    },
}

CELERY_BROKER_URL = ENV.get("CELERY_BROKER_URL", "redis://127.0.0.1:6379/0")
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 16
CELERY_TASK_IGNORE_RESULT = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "UTC"
# Names, not imports: a task is found by name, so that a lower app can queue an upper app's work.
SETTLE_TASK = "points.tasks.settle"
CELERY_BEAT_SCHEDULE = {
    "settle-pending": {"task": "points.tasks.settle_pending", "schedule": 10.0},
    "seal": {"task": "points.tasks.seal", "schedule": 2.0},
    "reverse-withdrawn": {"task": "points.tasks.reverse_withdrawn", "schedule": 5.0},
    "advance-epochs": {"task": "points.tasks.advance_epochs", "schedule": 10.0},
    "retire-withdrawn-automations": {
        "task": "marketplace.tasks.retire_withdrawn",
        "schedule": 5.0,
    },
    "simulate-new": {"task": "governance.tasks.simulate_new", "schedule": 10.0},
    "plan-notifications": {"task": "governance.tasks.plan_notifications", "schedule": 5.0},
    "publish-polls": {"task": "governance.tasks.publish_polls", "schedule": 5.0},
    "sweep-nonces": {"task": "accounts.tasks.sweep_nonces", "schedule": 3_600.0},
    "sweep-pairings": {"task": "accounts.tasks.sweep_pairings", "schedule": 3_600.0},
    "sweep-keys": {"task": "contributions.tasks.sweep_keys", "schedule": 3_600.0},
}
# The scheduler closes and opens epochs by the clock; off while an operator does it by hand.
EPOCHS_ADVANCE_BY_CLOCK = flag("LAM_EPOCHS_ADVANCE_BY_CLOCK", default=PRODUCTION)

# Chain.
ETH_RPC_URL = ENV.get("ETH_RPC_URL", "http://127.0.0.1:8545")
DEPLOYMENT_PATH = Path(ENV.get("LAM_DEPLOYMENT", DATA_DIR / "deployment.json"))
KEYS_DIR = Path(ENV.get("LAM_KEYS_DIR", DATA_DIR / "keys"))
# How wallets name the chain when they are offered to add it.
SITE_CHAIN_NAME = ENV.get("LAM_CHAIN_NAME", "Action Model local chain")
CHAIN_POLL_SECONDS = float(ENV.get("CHAIN_POLL_SECONDS", "0.5"))
# Unset: the node's `finalized` tag. A number: that many blocks behind the head.
CHAIN_FINALITY_DEPTH = int(ENV["CHAIN_FINALITY_DEPTH"]) if "CHAIN_FINALITY_DEPTH" in ENV else None
# Headers must have their hash, and logs are those of receipts with the header's root. Off only for
# chains whose headers or receipts are not Ethereum's, or nodes without eth_getBlockReceipts.
CHAIN_PROVE_LOGS = flag("CHAIN_PROVE_LOGS", default=True)
# A second node, of another operator, that must agree on every block before it counts as final.
CHAIN_SECOND_RPC_URL = ENV.get("CHAIN_SECOND_RPC_URL", "")
# A transaction that waits longer gets a variant with higher fees.
CHAIN_BUMP_SECONDS = float(ENV.get("CHAIN_BUMP_SECONDS", "30"))
# Who shows this token may read /metrics; empty: only who asks from this machine, not by a proxy.
METRICS_TOKEN = ENV.get("LAM_METRICS_TOKEN", "")
# Each consumes finalized logs under its own cursor, in this order.
PROJECTIONS = [
    "points.claims.project",
    "governance.project.project",
    "governance.project.adoptions",
]
# What `manage.py audit` runs: each returns the differences it finds.
AUDITS = ["points.audit.run", "marketplace.audit.run"]
# What the relayer pays for on behalf of users.
RELAY_CALLS_PER_DAY = int(ENV.get("LAM_RELAY_CALLS_PER_DAY", "50"))
# Gas of one call; of the calls of a day that one account asks for; and of all of them.
RELAY_GAS_MAX = int(ENV.get("LAM_RELAY_GAS_MAX", "1000000"))
RELAY_GAS_PER_ACCOUNT = int(ENV.get("LAM_RELAY_GAS_PER_ACCOUNT", "5000000"))
RELAY_GAS_PER_DAY = int(ENV.get("LAM_RELAY_GAS_PER_DAY", "100000000"))
# The LAM, in wei, that whoever votes or delegates through the relayer must have: it takes as much
# gas to move the votes of nothing.
RELAY_POWER_WEI = int(ENV.get("LAM_RELAY_POWER_WEI", str(10**18)))
# Calls that failed on chain, and were paid, after which an account has to wait a day.
RELAY_FAILURES_MAX = int(ENV.get("LAM_RELAY_FAILURES_MAX", "2"))
# What one account may say in the discussion of proposals.
COMMENTS_PER_HOUR = int(ENV.get("LAM_COMMENTS_PER_HOUR", "20"))

# The votes it takes to open a poll, and how many one author may have open.
POLL_POWER_WEI = int(ENV.get("LAM_POLL_POWER_WEI", "1"))
POLLS_OPEN_MAX = int(ENV.get("LAM_POLLS_OPEN_MAX", "5"))

# Private files outside PostgreSQL, and published ones.
KEY_STORE_DIR = Path(ENV.get("LAM_KEY_STORE_DIR", DATA_DIR / "keystore"))
BUNDLES_DIR = Path(ENV.get("LAM_BUNDLES_DIR", DATA_DIR / "bundles"))

# Who may attest the outcome of an imported recording, and whether labelled samples may pass.
OPERATOR_ADDRESSES = listing("LAM_OPERATOR_ADDRESSES")
# Where `import_recordings` finds the public demonstrations when it is given none.
RECORDINGS_REPOSITORY = ENV.get("LAM_RECORDINGS_REPOSITORY", recordings.REPOSITORY)
RECORDINGS_FOLDER = ENV.get("LAM_RECORDINGS_FOLDER", recordings.FOLDER)
# Where releases of the model are kept beside those that come with the code, a folder each.
MODELS_DIR = Path(ENV.get("LAM_MODELS_DIR", DATA_DIR / "models"))
ALLOW_SAMPLES = flag("LAM_ALLOW_SAMPLES", default=False) and not PRODUCTION

# Sign-In with Ethereum (EIP-4361): what a message must name.
SITE_URL = ENV.get("LAM_SITE_URL", "http://127.0.0.1:8000")
SIGN_IN_STATEMENT = "Sign in to Action Model."
# How many others a person can let in.
INVITES_PER_PERSON = 5

# News of proposals. Without a mail server e-mail goes into files while developing, and in
# production nobody is offered it. Webhooks reach the public internet only.
EMAIL_HOST = ENV.get("LAM_EMAIL_HOST", "")
EMAIL_PORT = int(ENV.get("LAM_EMAIL_PORT", "587"))
EMAIL_HOST_USER = ENV.get("LAM_EMAIL_USER", "")
EMAIL_HOST_PASSWORD = ENV.get("LAM_EMAIL_PASSWORD", "")
EMAIL_USE_TLS = flag("LAM_EMAIL_TLS", default=True)
EMAIL_TIMEOUT = 20
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'filebased'}.EmailBackend"
EMAIL_FILE_PATH = DATA_DIR / "mail"
EMAIL_ENABLED = bool(EMAIL_HOST) or not PRODUCTION
DEFAULT_FROM_EMAIL = ENV.get("LAM_EMAIL_FROM", "Action Model <no-reply@localhost>")
WEBHOOKS_ALLOW_PRIVATE = flag("LAM_WEBHOOKS_ALLOW_PRIVATE", default=False) and not PRODUCTION

MAX_BODY_BYTES = 32 * 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_BYTES

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    # Every view states who may call it; one that forgets is closed to all but admins.
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAdminUser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_PAGINATION_CLASS": None,
    "EXCEPTION_HANDLER": "config.problems.handler",
    # How many proxies of ours stand in front; 0 believes no X-Forwarded-For.
    "NUM_PROXIES": int(ENV.get("LAM_PROXIES", "0")),
    # Per client address; empty means no limit (an operator who imports signs in many wallets).
    "DEFAULT_THROTTLE_RATES": {
        "auth": ENV.get("LAM_THROTTLE_AUTH", "60/min" if PRODUCTION else "20000/min"),
        "waitlist": ENV.get("LAM_THROTTLE_WAITLIST", "10/hour"),
        "simulate": ENV.get("LAM_THROTTLE_SIMULATE", "10/min" if PRODUCTION else "20000/min"),
        "writing": ENV.get("LAM_THROTTLE_WRITING", "60/min" if PRODUCTION else "20000/min"),
        "decide": ENV.get("LAM_THROTTLE_DECIDE", "120/min" if PRODUCTION else "20000/min"),
        "relay": ENV.get("LAM_THROTTLE_RELAY", "60/min" if PRODUCTION else "20000/min"),
    },
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Action Model",
    "DESCRIPTION": "Record work, earn points, claim LAM, vote, run automations.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "ProposalStateEnum": "config.openapi.PROPOSAL_STATES",
        "PollStateEnum": "governance.polls_api.STATES",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "config.openapi.describe_problems",
    ],
}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": ENV.get("LAM_CACHE_URL", CELERY_BROKER_URL),
    }
}

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
WHITENOISE_USE_FINDERS = True
LOGIN_URL = "/sign-in"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = PRODUCTION
CSRF_COOKIE_SECURE = PRODUCTION
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_HSTS_SECONDS = 31_536_000 if PRODUCTION else 0
SECURE_SSL_REDIRECT = PRODUCTION
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PRODUCTION else None
X_FRAME_OPTIONS = "DENY"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": ENV.get("LAM_LOG_LEVEL", "INFO")},
}
