"""What each probe says in each state of pidone, and what Kubernetes makes of it."""
import threading

import harness
from inits import http_get
from shop import HOST, in_world, release

# state → (/livez, /readyz, /startupz), and what follows: nothing, out (no endpoint), restart
TABLE = {
    "waiting for the database": (200, 503, 503, "out"),
    "locking": (200, 503, 503, "out"),
    "steps": (200, 503, 503, "out"),
    "running": (200, 200, 200, "nothing"),
    "running, the database is away": (200, 503, 200, "out"),
    "draining": (200, 503, 200, "out"),
    "stopping": (200, 503, 200, "out"),
    "running, the worker hangs": (503, 200, 200, "restart"),
}
HANGS = "running, the worker hangs"
CONFIG = """
[run]
step = python manage.py migrate --noinput
check-interval = 1s

[single]
lock = postgres
step = sh -c "until [ -e /tmp/go ]; do sleep 0.1; done"
command = sleep infinity

[broken]
command = sleep infinity
live = exec:test ! -e /tmp/broken
check-interval = 1s
check-failures = 1
"""
PORTS = {"run": 9480, "broken": 9481, "single": 9482}


def answers(world, pod):
    """(/livez, /readyz, /startupz), and what /readyz says."""
    found = [world.of_pod(pod, path, PORTS[pod.main[0].name])
             for path in ("/livez", "/readyz", "/startupz")]
    return tuple(code for code, _ in found), found[1][1]


def settles(world, pod, state, words):
    """The pod comes into this state, which /readyz tells by these words, and stays for more probes
    than would have Kubernetes do something: it is as in the table."""
    harness.wait_until(lambda: words in answers(world, pod)[1], 40, "%s: %s" % (pod.name, state))
    container, wanted = pod.main[0], TABLE[state]
    restarts, before = container.restarts, [w.answers for w in container.workers]
    if not pod.deleting.is_set():
        world.cluster.until(lambda: all(
            w.answers > count + w.threshold for w, count in zip(container.workers, before)),
            30, "the probes: " + state)
    codes, said = answers(world, pod)
    follows = "restart" if container.restarts > restarts else "nothing" if pod.ready else "out"
    assert codes + (follows,) == wanted and words in said, (state, codes, follows, said)


def singletons(world):
    """(the pod that holds the lock, the one that waits for it)"""
    def found():
        pods = {answers(world, pod)[1].split()[0]: pod for pod in world.pods("shop-single")}
        return "steps" in pods and "waiting" in pods and (pods["steps"], pods["waiting"])
    return harness.wait_until(found, 40, "one with the lock and one without")


@harness.limit(150)
@in_world(database=False)
def test_probes(world):
    """The table of states, probes and what Kubernetes does holds: no state of the database and no
    waiting restarts anything, and what cannot serve is no endpoint."""
    release("1")
    values = world.values("1", {
        "config": CONFIG, "init": {"enabled": False}, "roles": {"single": {}, "broken": {}},
        "run": {"drain": 3}, "probes": {
            "readiness": {"periodSeconds": 1}, "liveness": {"periodSeconds": 1}}},
        {"replicas": {"single": 2}})
    world.sync(values, enough=lambda: True)
    shop, hung = world.pod(), world.pod("shop-broken")
    settles(world, shop, "waiting for the database", "waiting for postgres")
    world.start_database()
    holder, waiting = singletons(world)
    settles(world, waiting, "locking", "waiting for the lock")
    settles(world, holder, "steps", "steps")
    settles(world, shop, "running", "ok")
    assert holder.execute("single", "touch", "/tmp/go")[0] == 0
    settles(world, holder, "running", "ok")
    world.cluster.until_visible()
    assert world.visit()[0] == 200

    world.allow_connections(False)
    settles(world, shop, "running, the database is away", "HTTP 500")
    world.allow_connections(True)
    settles(world, shop, "running", "ok")
    assert [c.restarts for pod in world.cluster.pods for c in pod.main] == [0] * 4

    assert hung.execute("broken", "touch", "/tmp/broken")[0] == 0
    assert harness.wait_until(lambda: answers(world, hung)[0] == TABLE[HANGS][:3], 20, HANGS)
    world.cluster.until(lambda: hung.main[0].restarts > 0, 20, "the restart of the worker")
    stops(world, shop)


def stops(world, pod):
    """draining, then stopping for as long as a page takes."""
    session = world.database.session()
    session.tell("BEGIN; LOCK TABLE orders_order; SELECT 'held';")
    session.expect("held")
    asked = []
    asking = threading.Thread(target=lambda: asked.append(http_get(
        "/", 8000, host=pod.address, timeout=30, headers={"Host": HOST})[0]))
    asking.start()
    harness.wait_until(lambda: world.database.psql(
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock'") == "t", 10,
        "the request in the database")
    pod.delete()
    settles(world, pod, "draining", "draining")
    settles(world, pod, "stopping", "stopping")
    session.tell("COMMIT;")
    asking.join()
    world.cluster.until(pod.gone.is_set, 30, "the end of the pod")
    assert asked == [200] and pod.main[0].ends[-1].code == 0, (asked, pod.main[0].ends)
