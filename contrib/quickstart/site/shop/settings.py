"""Settings of the shop; all that differs between places comes from the environment.

DATABASE_URL, or PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE: pidone gives both.
REDIS_URL, SECRET_KEY, ALLOWED_HOSTS. DEBUG=yes is for a developer's machine.
"""
import os
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

BASE_DIR = Path(__file__).resolve().parent.parent


def database(environ):
    """The default database, from a URL or from libpq's own variables."""
    found = {"ENGINE": "django.db.backends.postgresql"}
    if environ.get("DATABASE_URL"):
        url = urlsplit(environ["DATABASE_URL"])
        found.update(NAME=unquote(url.path[1:]), HOST=url.hostname or "", PORT=url.port or "",
                     USER=unquote(url.username or ""), PASSWORD=unquote(url.password or ""),
                     OPTIONS=dict(parse_qsl(url.query)))
    else:
        found.update(NAME=environ.get("PGDATABASE", "shop"), HOST=environ.get("PGHOST", ""),
                     PORT=environ.get("PGPORT", ""), USER=environ.get("PGUSER", ""),
                     PASSWORD=environ.get("PGPASSWORD", ""))
    return found


SECRET_KEY = os.environ.get("SECRET_KEY") or "only-for-building-the-image"
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "*").split(",")
DEBUG = os.environ.get("DEBUG") == "yes"

INSTALLED_APPS = ["django.contrib.staticfiles", "orders"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
]
ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]

DATABASES = {"default": database(os.environ)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"

# collected by the Dockerfile (RUN python3 manage.py collectstatic --noinput)
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "static"

CELERY_BROKER_URL = CELERY_RESULT_BACKEND = os.environ.get("REDIS_URL", "redis://localhost/0")
# a page never waits long for a broker that is down
_retry = {"max_retries": 2, "interval_start": 0, "interval_step": 0.1, "interval_max": 0.2}
CELERY_BROKER_TRANSPORT_OPTIONS = _retry
CELERY_TASK_PUBLISH_RETRY_POLICY = _retry
CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS = {"retry_policy": _retry}
