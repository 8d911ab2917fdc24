#!/usr/bin/python3
"""What a DATABASE_URL means: to pidone (the PG* variables that the app gets) as to the libraries
with which apps read it. Where they differ it is stated here, and why; a difference that is gone
fails, too, so that the claims stay true. Single spellings are in tests/unit/test_conninfo.c."""
import warnings

import harness
from inits import finished

SHOP = {"host": "db", "user": "shop", "password": "pw", "dbname": "shop"}

# What both libraries cannot read, and we do
ERROR = "an error there"
# URL, what we make of it, and the libraries that make something else of it
CORPUS = (
    ("postgres://shop:pw@db:5433/shop", dict(SHOP, port="5433"), {}),
    ("postgresql://shop:pw@db/shop", SHOP, {}),
    ("postgis://shop:pw@db/shop", SHOP, {}),
    ("pgsql://shop:pw@db/shop", SHOP, {}),
    ("psql://shop:pw@db/shop", SHOP, {"dj": ERROR}),
    ("timescale://shop:pw@db/shop", SHOP, {"dj": ERROR, "environ": "no engine for it: nothing"}),
    ("postgresql+psycopg://shop:pw@db/shop", SHOP,
     {"dj": ERROR, "environ": "no engine for it: nothing"}),
    # passwords, as people generate them
    ("postgres://shop:p%2Fs%3Fs%40%23@db/shop", dict(SHOP, password="p/s?s@#"), {}),
    ("postgres://shop:p+x@db/shop", dict(SHOP, password="p+x"),
     {"environ": "takes + for a blank, as in a form; later versions do not"}),
    ("postgres://shop:p:w@db/shop", dict(SHOP, password="p:w"), {}),
    ("postgres://shop:p@ss@db/shop", dict(SHOP, password="p@ss"), {}),
    ("postgres://shop:p#w@db/shop", dict(SHOP, password="p#w"), {"dj": ERROR, "environ": ERROR}),
    ("postgres://me%40tenant:pw@db/shop", dict(SHOP, user="me@tenant"), {}),
    # hosts
    ("postgres://shop:pw@HOST.Example/shop", dict(SHOP, host="HOST.Example"),
     {"dj": "small letters: the same name", "environ": "small letters: the same name"}),
    ("postgres://shop:pw@[::1]:5433/shop", dict(SHOP, host="::1", port="5433"), {}),
    ("postgres://shop:pw@h1:5432,h2:5433/shop", dict(SHOP, host="h1,h2", port="5432,5433"),
     {"dj": ERROR, "environ": ERROR}),
    ("postgres://shop:pw@%2FVar%2Frun%2Fpg/shop", dict(SHOP, host="/Var/run/pg"),
     {"environ": "the host is not decoded: no such socket"}),
    ("postgres://shop:pw@/shop?host=/sock", dict(SHOP, host="/sock"), {}),
    ("postgres://shop:pw@db:/shop", SHOP, {}),
    # what stands behind the question mark
    ("postgres://shop:pw@db/shop?sslmode=require", dict(SHOP, sslmode="require"), {}),
    ("postgres://shop:pw@db/shop?ssl=true", dict(SHOP, sslmode="require"),
     {"dj": "hands ssl on, which psycopg refuses", "environ": "hands ssl on, which psycopg refuses"}),
    ("postgres://shop:pw@db/shop?conn_max_age=600", SHOP, {}),
    ("postgres://shop:pw@db/shop?currentSchema=foo", dict(SHOP, options="-c search_path=foo"),
     {"environ": "hands currentSchema on, which psycopg refuses"}),
)
NAMES = {"PGHOST": "host", "PGPORT": "port", "PGUSER": "user", "PGPASSWORD": "password",
         "PGDATABASE": "dbname", "PGSSLMODE": "sslmode", "PGOPTIONS": "options"}


def ours(url):
    """What the app gets in its environment."""
    code, out = finished(["env"], env={"DATABASE_URL": url})
    assert code == 0, out
    variables = dict(line.split("=", 1) for line in out.splitlines() if "=" in line)
    return {NAMES[name]: value for name, value in variables.items() if name in NAMES}


def as_libpq(settings):
    """A database of Django's settings in libpq's words; what Django takes itself is left out."""
    found = {"host": settings.get("HOST"), "port": settings.get("PORT"),
             "user": settings.get("USER"), "password": settings.get("PASSWORD"),
             "dbname": settings.get("NAME")}
    found.update(settings.get("OPTIONS", {}))
    found.pop("conn_max_age", None)
    return {keyword: str(value) for keyword, value in found.items() if value not in ("", None)}


def theirs(library, url):
    """None: an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return as_libpq(library(url))
        except (KeyError, ValueError):
            return None


def libraries():
    try:
        import dj_database_url
        import environ
    except ImportError:
        harness.skip("needs python3-dj-database-url and python3-django-environ")
    return {"dj": dj_database_url.parse, "environ": environ.Env.db_url_config}


def test_dialects():
    """each URL of the corpus is understood as dj-database-url and django-environ understand it"""
    found = libraries()
    for url, expected, differences in CORPUS:
        got = ours(url)
        assert {k: got.get(k) for k in expected} == expected, (url, got)
        assert set(got) - set(expected) <= {"port"}, (url, got)
        for name, parse in found.items():
            same = theirs(parse, url) == expected
            assert same == (name not in differences), (url, name, theirs(parse, url), expected)


def test_app_reads_what_it_gets():
    """DATABASE_URL as the app gets it from PG* variables is read by both to the same"""
    given = {"PGHOST": "db", "PGPORT": "5433", "PGUSER": "me@tenant", "PGPASSWORD": "p/s?s@# %+&",
             "PGDATABASE": "shop"}
    code, out = finished(["sh", "-c", "echo $DATABASE_URL"], env=given)
    assert code == 0, out
    expected = {NAMES[name]: value for name, value in given.items()}
    for name, parse in libraries().items():
        assert theirs(parse, out.strip()) == expected, (name, theirs(parse, out.strip()))


def test_other_names():
    """[env] DB_HOST = ${PGHOST}: names that the app wants; what a Service injects is no harm"""
    config = "[env]\nDB_HOST = ${PGHOST}\nDB_PORT = ${PGPORT:-5432}\nDB_PASSWORD = ${PGPASSWORD}\n"
    env = {"DATABASE_URL": "postgres://shop:pw@db/shop", "POSTGRES_PORT": "tcp://10.0.0.7:5432",
           "POSTGRES_SERVICE_HOST": "10.0.0.7"}
    code, out = finished(["sh", "-c", "echo $DB_HOST $DB_PORT $DB_PASSWORD"], env=env, config=config)
    assert (code, out) == (0, "\ndb 5432 pw\n"), out


if __name__ == "__main__":
    harness.main()
