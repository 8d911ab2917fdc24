"""CronJobs and one-off tasks."""
import harness
from shop import in_world, release

ORDER = ["python", "manage.py", "shell", "-c",
         "from orders.models import Order; Order.objects.create(item='%s')"]


def ordered(world):
    return world.database.psql("SELECT string_agg(item, ' ' ORDER BY id) FROM orders_order")


def order(item):
    return [word.replace("%s", item) for word in ORDER]


@harness.limit(150)
@in_world
def test_jobs(world):
    """A CronJob with a command and one with a role see the database as the site does; a one-off
    task runs once, also when another image makes its Job anew, and again when it says something
    else."""
    release("1")
    release("2")

    def values(tag, item="import"):
        return world.values(tag, {
            "config": "[tidy]\nstep = python manage.py shell -c "
                      "\"from orders.models import Order; Order.objects.create(item='tidy')\"\n",
            "cron": {"nightly": {"schedule": "0 3 * * *", "command": order("nightly")},
                     "tidy": {"schedule": "@hourly", "role": "tidy"}},
            "tasks": {"import": {"command": order(item)}}})

    world.deploy(values("1"))
    assert ordered(world) == "import"
    for name in ("nightly", "tidy"):
        job = world.cluster.jobs.run_now("shop-" + name)
        world.cluster.until(lambda: job.done, 40, name)  # noqa: B023
        assert job.done == "Complete", job.log()
    assert ordered(world) == "import nightly tidy"
    first = tasks(world)
    world.deploy(values("2"))
    assert not first & tasks(world), "the new image's Job has a name of its own, the old is gone"
    assert ordered(world) == "import nightly tidy"
    world.deploy(values("2", "another"))
    assert ordered(world) == "import nightly tidy another"


def tasks(world):
    return {name for kind, name in world.cluster.objects
            if kind == "Job" and name.startswith("shop-task-")}
