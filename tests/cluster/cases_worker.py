"""What is broken beside the site must not take the site down."""
import os
import re
import time

import harness
from shop import Load, in_world, release

# how long visitors are watched: until the worker was restarted, and for at least so many minutes
MINUTES = float(os.environ.get("CHART_MINUTES", 0))
RESTARTS = 2
HANGS = """
[hung]
command = sleep infinity
live = exec:false
check-interval = 1s
check-failures = 1
"""


def restarts(world, pod):
    """How often pidone has started each worker again."""
    found = []
    for port in (9481, 9482):
        status, text = world.of_pod(pod, "/metrics", port)
        assert status == 200, text
        found.append(int(re.search(r"^pidone_restarts_total (\d+)$", text, re.M).group(1)))
    return found


@harness.limit(120 + 60 * MINUTES)
@in_world
def test_broken_worker(world):
    """While the broker is dead, one worker in the site's pod crashes again and again and another
    one hangs, every request is answered and the pod stays ready: pidone starts them again in their
    containers, what crashes with longer and longer pauses."""
    release("1")
    world.start_broker()
    world.deploy(world.values("1", {
        "config": HANGS, "roles": {"hung": {}},
        "async": {"enabled": True, "command": ["python", "-c", "raise SystemExit('no broker')"]},
        "files": {"mountPath": "/srv/files"}}))
    pod = world.pod()
    world.kill_broker()
    load, began = Load(world), time.time()
    before = restarts(world, pod)

    def enough():
        assert pod.ready and not load.failures(), load.failures()
        return time.time() - began >= 60 * MINUTES and all(
            now >= then + RESTARTS for now, then in zip(restarts(world, pod), before))
    harness.wait_until(enough, 60 + 60 * MINUTES, "the worker's restarts")
    # an order is taken without a broker, too
    assert world.visit(method="POST", body="item=tea", headers={
        "Content-Type": "application/x-www-form-urlencoded"})[0] == 302
    total, failed, seconds = load.finish()
    pauses = [int(word) / 1000 for word in re.findall(r"starting python again in (\d+) ms",
                                                      pod.containers["async"].log())]
    assert failed == 0 and total > 2 * seconds, (total, failed, seconds)
    assert len(pauses) > RESTARTS and all(
        after > 1.5 * before for before, after in zip(pauses, pauses[1:]) if after < 50), pauses
    assert not any(c.restarts for c in pod.containers.values()), "a container was restarted"
    assert world.cluster.told(pod.name, "NotReady") == []
    print("# %d requests in %.0f s, %d failed; the worker's pauses: %s s" % (
        total, seconds, failed, ", ".join("%.0f" % pause for pause in pauses)), flush=True)
