"""The one settings file: read from the environment by typed readers that fail loudly. docs/settings.md lists every name."""

from pathlib import Path
from typing import Any

import dj_database_url
from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _
from environs import Env, validate

from liveshop import homes, logs, servers

env = Env()
BASE_DIR = Path(__file__).resolve().parent.parent
HOME = homes.data_home()

DEMO = env.bool("DEMO", False)
DEMO_CROWD = env.int("DEMO_CROWD", 60)
PRODUCTION = env.bool("PRODUCTION", False)
DEBUG = env.bool("DEBUG", False)
INSECURE_KEY = "insecure-development-key-that-production-refuses-to-start-with"
SECRET_KEY = env.str("SECRET_KEY", INSECURE_KEY)
SITE_URL = env.str("SITE_URL", "")
PORT = env.int("PORT", 8000)
BIND = env.str("BIND", "0.0.0.0")  # noqa: S104 - phones in the same network shall reach it
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", [] if PRODUCTION else ["*"])
CSRF_TRUSTED_ORIGINS = [*filter(None, [SITE_URL]), *env.list("CSRF_TRUSTED_ORIGINS", [])]
BEHIND_TLS = env.bool("BEHIND_TLS", PRODUCTION)

INSTALLED_APPS = [
    "daphne",
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "liveshop.staticfiles.StaticFiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "channels",
    "allauth",
    "allauth.account",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "csp",
    "procrastinate.contrib.django",
    "liveshop",
    "ledger",
    "accounts",
    "catalog",
    "rooms",
    "campaigns",
    "orders",
    "alliance",
    "traffic",
    *(["demo"] if DEMO and not PRODUCTION else []),
]

MIDDLEWARE = [
    "liveshop.middleware.RequestMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "liveshop.staticfiles.ServedStatic",
    "django.middleware.gzip.GZipMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "accounts.middleware.DeviceMiddleware",
    "accounts.middleware.BanMiddleware",
    "alliance.middleware.ReferralMiddleware",
    "liveshop.middleware.RefusalMiddleware",
]

ROOT_URLCONF = "liveshop.urls"
ASGI_APPLICATION = "liveshop.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "liveshop.context.site",
                *(["demo.logins.on_page"] if DEMO and not PRODUCTION else []),
            ],
            "builtins": ["liveshop.templatetags.liveshop"],
        },
    }
]

# One database, one truth: PostgreSQL. Unset, an embedded server in the data folder is used.
DATABASE_URL = env.str("DATABASE_URL", "") or homes.embedded_database_url()
DB_POOL_MAX = env.int("DB_POOL_MAX", 12)
DB_STATEMENT_TIMEOUT_S = env.float("DB_STATEMENT_TIMEOUT_S", 0)


def _database() -> dict[str, Any]:
    parsed: dict[str, Any] = dict(dj_database_url.parse(DATABASE_URL))
    parsed["ENGINE"] = "django.db.backends.postgresql"
    parsed["CONN_HEALTH_CHECKS"] = True  # a pool full of connections to a server that restarted heals unseen
    # A server that is gone, or a network that swallows packets, is noticed within seconds.
    alive = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 2}  # for connections that only listen
    parsed["OPTIONS"] = {"connect_timeout": 3, "tcp_user_timeout": 10_000, **alive} | parsed.get("OPTIONS", {})
    if DB_STATEMENT_TIMEOUT_S:
        parsed["OPTIONS"].setdefault("options", f"-c statement_timeout={int(DB_STATEMENT_TIMEOUT_S * 1000)}")
    if DB_POOL_MAX:
        # After `reconnect_timeout` the pool forgets its back-off of minutes: the next request tries at once.
        parsed["OPTIONS"]["pool"] = {"min_size": 1, "max_size": DB_POOL_MAX, "timeout": 4, "reconnect_timeout": 4}
    parsed["TEST"] = {"NAME": env.str("TEST_DATABASE", "test_liveshop")}
    return parsed


DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL", "")
CHANNEL_LAYERS: dict[str, dict[str, Any]] = {
    "default": (
        {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_timeout": None}]}}
        if REDIS_URL
        else {"BACKEND": "channels.layers.InMemoryChannelLayer", "CONFIG": {"capacity": 10_000}}
    )
}
CACHES: dict[str, dict[str, Any]] = {
    "default": (
        {"BACKEND": "liveshop.caches.ForgivingRedisCache", "LOCATION": REDIS_URL, "OPTIONS": {"socket_timeout": 1}}
        if REDIS_URL
        else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    ),
    # What a process may know for itself, such as a drawn panel: no shared server is asked for it.
    "process": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "process"},
}

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.PasswordBackend", "accounts.backends.AccountBackend"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"phone", "username"}
ACCOUNT_SIGNUP_FIELDS = ["phone*", "password1"]
ACCOUNT_SIGNUP_FORM_CLASS = "accounts.forms.NicknameForm"
ACCOUNT_FORMS = {"request_login_code": "accounts.login.RequestCodeForm"}
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_PREVENT_ENUMERATION = False  # an unknown phone is led to sign-up; every try is rate-limited
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_SUPPORTS_RESEND = True
ACCOUNT_LOGIN_BY_CODE_TIMEOUT = ACCOUNT_PHONE_VERIFICATION_TIMEOUT = 300
ACCOUNT_PHONE_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_RATE_LIMITS = {  # every code costs a message: a phone gets a few an hour, an address a few a minute
    "request_login_code": "3/m/key,8/h/key,20/d/key,20/m/ip",
    "verify_phone": "1/30s/key,8/h/key,20/d/key,20/m/ip",
    "change_phone": "3/m/user",
}
ALLAUTH_USER_CODE_FORMAT = {"numeric": True, "dashed": False, "length": 6}
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", 1 if BEHIND_TLS else 0)
# Who carries a login code to a phone: a dotted path to a subclass of accounts.senders.CodeSender.
CODE_SENDER = env.str("CODE_SENDER", "accounts.senders.ScreenSender")
# Hashing key of phone, device and payer digests; changing it forgets who is who.
IDENTITY_KEY = env.str("IDENTITY_KEY", SECRET_KEY)

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", _("Simplified Chinese")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "Asia/Shanghai"

PACKED_STATIC = env.bool("PACKED_STATIC", PRODUCTION)
STATIC_URL = "/static/"
STATIC_ROOT = HOME / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_ROOT = HOME / "media"
MEDIA_URL = "/media/"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "liveshop.staticfiles.PackedStatic" if PACKED_STATIC else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = not PACKED_STATIC
WHITENOISE_AUTOREFRESH = DEBUG

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = BEHIND_TLS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$", r"^internal/media/"]  # a media server takes a redirect for consent
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_TLS else None
SECURE_HSTS_SECONDS = 31_536_000 if BEHIND_TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = BEHIND_TLS
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY: dict[str, Any] = {
    "EXCLUDE_URL_PREFIXES": ("/admin/",),
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, "'unsafe-inline'"],
        "img-src": [SELF, "data:", "blob:"],
        "media-src": [SELF, "blob:"],
        "connect-src": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
    },
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticatedOrReadOnly"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.LimitOffsetPagination",
    "PAGE_SIZE": 50,
    "EXCEPTION_HANDLER": "liveshop.api.exception_handler",
}
SPECTACULAR_SETTINGS = {"TITLE": "liveshop", "VERSION": homes.version()}

# Realtime and claims; figures are explained in docs/architecture.md and docs/scarcity.md.
HUB_FAST_SINKS = env.bool("HUB_FAST_SINKS", True)
HUB_TICK_MS = env.int("HUB_TICK_MS", 100)
SOCKETS_PER_PERSON = env.int("SOCKETS_PER_PERSON", 20)
SOCKETS_PER_ADDRESS = env.int("SOCKETS_PER_ADDRESS", 2_000)
RECONNECTS_PER_S = env.int("RECONNECTS_PER_S", 1_000)
JOIN_TICKET_TTL_S = env.int("JOIN_TICKET_TTL_S", 900)
CHAT_INTERVAL_S = env.float("CHAT_INTERVAL_S", 1.0)
INTERRUPTION_GRACE_S = env.int("INTERRUPTION_GRACE_S", 60)
# Live video: docs/video.md.
RTMP_PORT = env.int("RTMP_PORT", 1935)
RTMP_BIND = env.str("RTMP_BIND", "127.0.0.1" if PRODUCTION else BIND)
RTMP_URL = env.str("RTMP_URL", "")
RTMP_CERTIFICATE = env.str("RTMP_CERTIFICATE", "")
MEDIA_SERVER = env.str("MEDIA_SERVER", f"unix:{homes.media_socket()}")
MEDIA_PATH = "/media/live/"
RECORDINGS_ROOT = Path(env.str("RECORDINGS_ROOT", str(HOME / "recordings")))
RECORDINGS_KEEP_DAYS = env.int("RECORDINGS_KEEP_DAYS", 1096)
RECORDINGS_ROOM_GB = env.float("RECORDINGS_ROOM_GB", 0)
STREAM_KBPS_MAX = env.int("STREAM_KBPS_MAX", 8000)
STREAM_HOURS_MAX = env.int("STREAM_HOURS_MAX", 12)
STREAM_TRANSCODES_MAX = env.int("STREAM_TRANSCODES_MAX", 1)
STREAM_VIEWERS_MAX = env.int("STREAM_VIEWERS_MAX", 2000)
STREAM_SILENCE_S = env.int("STREAM_SILENCE_S", 20)
# In place of our own media process, one that runs by itself: docs/video.md, "An external media server".
VIDEO_TIER = env.str("VIDEO_TIER", "embedded", validate=validate.OneOf(["embedded", "external"]))
EXTERNAL_SERVER = env.str("EXTERNAL_SERVER", "nginx-rtmp", validate=validate.OneOf(["nginx-rtmp", "srs", "mediamtx"]))
EXTERNAL_API = env.str("EXTERNAL_API", "http://127.0.0.1:8936")
EXTERNAL_HLS = env.str("EXTERNAL_HLS", "")
EXTERNAL_RECORDINGS = env.str("EXTERNAL_RECORDINGS", "")
EXTERNAL_HOOK_SECRET = env.str("EXTERNAL_HOOK_SECRET", "")
EXTERNAL_LINK_SECRET = env.str("EXTERNAL_LINK_SECRET", "")
DATABASE_PATIENCE_S = env.float("DATABASE_PATIENCE_S", 15.0)
CLAIM_QUEUE_MAX = env.int("CLAIM_QUEUE_MAX", 20_000)
CLAIM_LEASE_UNITS = env.int("CLAIM_LEASE_UNITS", 250)
DEALS_A_DAY = env.int("DEALS_A_DAY", 0 if DEMO else 3)  # a demo's small crowd taps all evening
REHEARSAL_CROWD_MAX = env.int("REHEARSAL_CROWD_MAX", 200)
REHEARSAL_SERVER = env.str("REHEARSAL_SERVER", f"http://{servers.own_host(BIND)}:{PORT}")
ORDER_PAY_MINUTES = env.int("ORDER_PAY_MINUTES", 15)
DROP_UNDO_S = 3
ATTRIBUTION_WINDOW_DAYS = env.int("ATTRIBUTION_WINDOW_DAYS", 15)
SERVICE_FEE_PERMILLE = env.int("SERVICE_FEE_PERMILLE", 100)
PAYMENT_PROVIDERS = env.list("PAYMENT_PROVIDERS", ["orders.payments.simulator:Simulator"])
PAYMENT_SIMULATOR_KEY = env.str("PAYMENT_SIMULATOR_KEY", SECRET_KEY)

METRICS_TOKEN = env.str("METRICS_TOKEN", "")
LOG_LEVEL = env.str("LOG_LEVEL", "INFO")
LOG_FORMAT = env.str("LOG_FORMAT", "json" if PRODUCTION else "text", validate=validate.OneOf(["json", "text"]))
LOGGING = logs.logging_settings(as_json=LOG_FORMAT == "json", level=LOG_LEVEL)
logs.configure_structlog()

UNFOLD = {
    "SITE_TITLE": "liveshop",
    "SITE_HEADER": "liveshop",
    "DASHBOARD_CALLBACK": "traffic.desk.dashboard",
    "STYLES": [lambda request: static("css/admin.css")],
    "COLORS": {
        "primary": {
            "50": "#fff4f0",
            "100": "#ffe6de",
            "200": "#ffc9bd",
            "300": "#ffa48f",
            "400": "#ff7a5c",
            "500": "#ff4d2e",
            "600": "#e0301e",
            "700": "#c02a10",
            "800": "#9a2211",
            "900": "#7a1c10",
            "950": "#430b05",
        }
    },
}

if VIDEO_TIER == "external":
    _wrong = [
        why
        for bad, why in [
            (
                min(len(EXTERNAL_HOOK_SECRET), len(EXTERNAL_LINK_SECRET)) < 32,
                "EXTERNAL_HOOK_SECRET and EXTERNAL_LINK_SECRET need 32 characters",
            ),
            (EXTERNAL_HOOK_SECRET == EXTERNAL_LINK_SECRET, "EXTERNAL_HOOK_SECRET and EXTERNAL_LINK_SECRET must differ"),
            (not RTMP_URL, "RTMP_URL must be where encoders connect"),
            (not EXTERNAL_HLS.startswith(("http://", "https://", "/")), "EXTERNAL_HLS must be where viewers find the fragments"),
        ]
        if bad
    ]
    if _wrong:
        raise ImproperlyConfigured("VIDEO_TIER is external, but: " + "; ".join(_wrong))
    if not EXTERNAL_HLS.startswith("/"):
        _origin = "/".join(EXTERNAL_HLS.split("/")[:3])
        CONTENT_SECURITY_POLICY["DIRECTIVES"]["connect-src"].append(_origin)
        CONTENT_SECURITY_POLICY["DIRECTIVES"]["media-src"].append(_origin)

if PRODUCTION:
    _unsafe = [
        why
        for bad, why in [
            (SECRET_KEY == INSECURE_KEY or len(SECRET_KEY) < 32, "SECRET_KEY must be set to at least 32 random characters"),
            (DEBUG, "DEBUG must be off"),
            (DEMO, "DEMO must be off"),
            (not ALLOWED_HOSTS or "*" in ALLOWED_HOSTS, "ALLOWED_HOSTS must name the site's hosts"),
            (not BEHIND_TLS, "BEHIND_TLS must stay on: without TLS sessions can be stolen"),
            (SITE_URL != "" and not SITE_URL.startswith("https://"), "SITE_URL must begin with https://"),
            (CODE_SENDER.endswith("ScreenSender"), "CODE_SENDER must name a real sender: the demo one shows login codes to anyone"),
            (CODE_SENDER.endswith("LogSender"), "CODE_SENDER must name a real sender: login codes do not belong in a log"),
            (any("simulator" in path for path in PAYMENT_PROVIDERS), "PAYMENT_PROVIDERS must not contain the simulator"),
        ]
        if bad
    ]
    if _unsafe:
        raise ImproperlyConfigured("PRODUCTION is set, but: " + "; ".join(_unsafe))
