"""A new release: no failed request where two pods can be there at a time, a short and known gap
where they cannot, and never a bad one in place of a good one."""

import time

import harness
from shop import IMAGE, Load, foreign, in_world, merged, release

MIGRATION = '''
from django.db import connection, migrations


def count(apps, schema_editor):
    """Says in the database that it has run."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS counted (id serial)")
        cursor.execute("INSERT INTO counted DEFAULT VALUES")


class Migration(migrations.Migration):
    dependencies = [("orders", "0002_order_receipt_task")]
    operations = [migrations.RunPython(count)]
'''
BAD_MIGRATION = '''
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("orders", "0002_order_receipt_task")]
    operations = [migrations.RunSQL("ALTER TABLE nowhere ADD COLUMN x int")]
'''
BAD_CHECK = '''
from django.core.checks import Error, register


@register()
def complain(app_configs, **more):
    return [Error("the payment provider is not configured", id="shop.E001")]
'''


# it is looked at when the pages are imported
BAD_CHECK_FILES = {"orders/__init__.py": BAD_CHECK}


def with_migration(name, text):
    return {"orders/migrations/0003_%s.py" % name: text}


def rolling(tag, world, **more):
    """Two pods that share their files, so that one can be there before the other goes."""
    return world.values(tag, {
        "files": {"mountPath": "/srv/files"}, "run": {"drain": 3, "stopGrace": 20}, **more},
        {"files": {"accessMode": "ReadWriteMany"}, "replicas": {"run": 2}})


def recreated(tag, world, **more):
    """One pod that has its files for itself, with the worker in it."""
    return world.values(tag, {
        "files": {"mountPath": "/srv/files"}, "async": {"enabled": True}, **more})


def ended_well(pods):
    """Nobody had to be killed, and none took longer than it may."""
    for pod in pods:
        codes = {c.name: c.ends[-1].code for c in pod.main}
        assert set(codes.values()) <= {0, 143}, (pod.name, codes)
        assert max(c.ends[-1].ended for c in pod.main) - pod.deleted_at < pod.grace


def migrations(world):
    """How often the counting migration has run."""
    return world.database.psql("SELECT count(*) FROM counted")


BAD = {
    # what is wrong → files of the image that differ, what the values say, what the user reads
    "gone": (None, {}, 'Failed to pull image "%s:gone"' % IMAGE),
    "foreign": (None, {}, "exec format error"),
    "secret": ({}, {"app": {"envFrom": ["shop-env", "shop-pay"]},
                    "hoster": {"secrets": ["shop-pay"]}}, 'secret "shop-pay" not found'),
    "migration": (with_migration("bad", BAD_MIGRATION), {}, 'relation "nowhere" does not exist'),
    "check": (BAD_CHECK_FILES, {}, "(shop.E001) the payment provider is not configured")}

# where it is in the site's pod
BAD_WORKER = {"typo": ({}, {"app": {"async": {"command": ["celerry", "-A", "shop"]}}},
                       "'celerry'")}


def bad_releases(world, values, served_by, bad, fail=()):
    """Each of them, one after the other: visitors notice nothing, and what one reads says why.
    values(tag): of a good one. fail: those that Argo CD itself takes for failed; the others it
    waits for."""
    for tag, (changes, more, why) in bad.items():
        if tag == "foreign":
            foreign(tag)
        elif changes is not None:
            release(tag, changes)
        began = time.time()
        result = world.sync(merged(values(tag), more), enough=lambda: tag not in fail and any(
            why in line for line in read_since(world, began)))  # noqa: B023
        assert not result.ok and (tag in fail) == ("Degraded" in result.message), (tag, result)
        assert any(why in line for line in read_since(world, began)), (tag, result.message)
        assert all(pod.ready for pod in served_by), world.cluster.describe()
        print("# %s, after %.1f s: %s" % (tag, time.time() - began, result.message), flush=True)


def read_since(world, moment):
    """What `kubectl describe`, `kubectl logs` and the last state's message show of the pods that
    began then or later."""
    found = [event[3] for event in world.cluster.events if event[0] >= moment]
    for pod in world.cluster.pods:
        if pod.created >= moment:
            for container in pod.containers.values():
                found += [end.message for end in container.ends] + [container.log()]
    return found


@harness.limit(240)
@in_world
def test_rolling_change(world):
    """Two replicas and a new image under load: not one failed request, the migrations run once,
    and no pod is killed; a bad image never takes the place of a good one, and says why."""
    release("1")
    release("2", with_migration("count", MIGRATION))
    world.deploy(rolling("1", world))
    old = [pod for pod in world.pods() if pod.active]
    load = Load(world)
    world.deploy(rolling("2", world))
    new = [pod for pod in world.pods() if pod.active]
    assert len(old) == len(new) == 2 and not set(old) & set(new)
    world.cluster.until(lambda: all(pod.gone.is_set() for pod in old), 60, "the old pods' end")
    total, failed, seconds = load.finish()
    assert failed == 0 and total > 2 * seconds, (failed, load.failures()[:5])
    assert migrations(world) == "1"
    ended_well(old)
    load = Load(world)
    bad_releases(world, lambda tag: rolling(tag, world), new, BAD)
    # back to what was good: the same pods
    world.deploy(rolling("2", world))
    assert [pod for pod in world.pods() if pod.active] == new
    more, failed, _ = load.finish()
    assert failed == 0, load.failures()[:5]
    print("# %d requests in %.0f s and %d more, none failed" % (total, seconds, more), flush=True)


@harness.limit(240)
@in_world
def test_recreate(world):
    """One replica with files of its own: the old pod, site and worker, is gone before the new one
    begins; the migrations have run before that, once; the gap is a start and a stop. A bad image
    takes nothing down, and says why."""
    release("1")
    release("2", with_migration("count", MIGRATION))
    world.start_broker()
    world.deploy(recreated("1", world))
    old = world.pod()
    load = Load(world)
    world.deploy(recreated("2", world))
    new = world.pod()
    assert {c.name for c in new.main} == {"run", "async"}
    job = world.cluster.jobs.states["shop-preflight"]
    assert job.began < old.deleted_at and job.done == "Complete"
    ended = max(c.ends[-1].ended for c in old.main)
    assert ended < min(c.ends[0].began for c in new.init)
    assert migrations(world) == "1"
    ended_well([old])
    load.finish()
    assert all("503" in line or "502" in line for line in load.failures()), load.failures()[:9]
    print("# the stop took %.1f s, the start %.1f s" % (
        ended - old.deleted_at, new.ready_since - ended), flush=True)
    load = Load(world)
    bad_releases(world, lambda tag: recreated(tag, world), [new], {**BAD, **BAD_WORKER},
                 ["foreign", "migration", "check", "typo"])
    assert world.pod() is new
    total, failed, _ = load.finish()
    assert failed == 0 and total, load.failures()[:5]
