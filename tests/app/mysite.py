"""A small Django project, mysite, for the servers: one page, and one that a test holds; it may
hold the import, too. What doc/servers.md says of it is read from there."""
import fcntl
import os
import re

import harness

FILES = {
    "__init__.py": "",
    "settings.py": """
import os
SECRET_KEY = "x"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "mysite.urls"
# this one sets Content-Length
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
if "CLOSE_CONNECTION" in os.environ:
    MIDDLEWARE.insert(0, "mysite.middleware.close_connection")
USE_TZ = True
""",
    "urls.py": """
import fcntl, os, sys
from django.http import HttpResponse
from django.urls import path

def wait_at(name):
    print("mysite is at its", name, file=sys.stderr, flush=True)
    with open(os.environ["MYSITE"] + "/" + name) as file:
        fcntl.flock(file, fcntl.LOCK_SH)

def held(request):
    wait_at("request")
    return HttpResponse("let go")

wait_at("import")
urlpatterns = [
    path("", lambda request: HttpResponse("hello")),
    path("held", held),
]
""",
}
for kind in ("wsgi", "asgi"):
    # the URLs are imported as a real project's models are: before the first request
    FILES[kind + ".py"] = """
import os
from django.core.%s import get_%s_application
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
application = get_%s_application()
import mysite.urls
""" % (kind, kind, kind)


def documented(section, language="ini"):
    """The block of this language below a heading of doc/servers.md."""
    with open(harness.SRCDIR + "/doc/servers.md", encoding="utf-8") as file:
        text = re.split(r"^##+ %s\n" % re.escape(section), file.read(), flags=re.M)[1]
    return re.search(r"^```%s\n(.*?)^```" % language, text, re.S | re.M).group(1)


def make():
    """The directory that has the project."""
    directory = harness.tmp + "/project"
    os.makedirs(directory + "/mysite")
    files = dict(FILES, **{"middleware.py": documented("daphne", "python")})
    for name, text in files.items():
        with open("%s/mysite/%s" % (directory, name), "w", encoding="ascii") as file:
            file.write(text)
    with open(directory + "/manage.py", "w", encoding="ascii") as file:
        file.write('os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")\n')
    for name in ("import", "request"):
        open(directory + "/" + name, "w", encoding="ascii").close()
    return directory


def hold(directory, name):
    """From now on the project is held there ("import", "request"), until what this returns is
    closed."""
    file = open(directory + "/" + name, "w", encoding="ascii")
    fcntl.flock(file, fcntl.LOCK_EX)
    return file
