"""The quickstart's Django project with its cluster: what tests/app runs under pidone."""
import os
import shutil
import subprocess
import urllib.parse

import harness
from inits import BASE_ENV, Pidone, http_get
from servers import Postgres, Redis

SITE = os.path.join(harness.SRCDIR, "contrib/quickstart/site")


def need_django():
    harness.need_root()
    harness.need_command("gunicorn", "celery", "redis-server")
    for module in ("django", "psycopg2", "celery", "redis"):
        if subprocess.run(["/usr/bin/python3", "-c", "import " + module], check=False,
                          stderr=subprocess.DEVNULL).returncode != 0:
            harness.skip("needs Debian's python3-" + module)


class Site:
    """The image (a copy of the project, static files collected) and its cluster."""

    def __init__(self, postgres=True, redis=True):
        need_django()
        self.app = harness.tmp + "/app"
        shutil.copytree(SITE, self.app, ignore=shutil.ignore_patterns("__pycache__"))
        # a copy of a read-only tree (make distcheck) is read-only itself
        subprocess.run(["chmod", "-R", "u+w", self.app], check=True)
        subprocess.run(["/usr/bin/python3", "manage.py", "collectstatic", "--noinput"],
                       cwd=self.app, env=BASE_ENV, check=True,
                       stdout=subprocess.DEVNULL)
        self.postgres = Postgres(start=postgres, password="geheim/:@")
        self.redis = Redis(start=redis)
        self.port = harness.free_port()
        quoted = urllib.parse.quote(self.postgres.password, safe="")
        self.env = {"DATABASE_URL": self.postgres.url(password=quoted),
                    "REDIS_URL": self.redis.url(), "SECRET_KEY": "x", "PORT": self.port}

    def role(self, name, **more):
        """The role as a pod starts it: an ordinary user, no privileges."""
        env = dict(self.env, **more.pop("env", {}))
        return Pidone([name], env=env, cwd=self.app, user=(1000, 1000),
                      nsrun=["--no-new-privs"], **more)

    def migrate(self):
        init = self.role("/init")
        assert init.wait(60) == 0, init.output()
        return init

    def migrations(self):
        return self.postgres.psql("SELECT name FROM django_migrations WHERE app = 'orders'"
                                  " ORDER BY id").split("\n")

    def page(self):
        return http_get("/", self.port)

    def order(self, item):
        return http_get("/", self.port, method="POST", body="item=" + item,
                        headers={"Content-Type": "application/x-www-form-urlencoded"})
