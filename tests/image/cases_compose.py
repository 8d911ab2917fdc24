"""compose.yaml and compose.override.yaml, as they are, with docker-compose."""
import functools
import os
import subprocess

import yaml

import bases
import harness
from engine import docker, environment, inspect, on_docker
from harness import need_command, wait_until
from inits import Process, http_get

PROJECT = "shop"


def compose(*words, files=(), check=True):
    """What `docker-compose WORDS…` prints, in the shop's directory."""
    argv = ["docker-compose", "--project-name", PROJECT]
    for name in files:
        argv += ["--file", name]
    done = subprocess.run(argv + list(words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, env=environment(), cwd=bases.shop_context(), check=False,
                          stdin=subprocess.DEVNULL)
    if check and done.returncode != 0:
        raise harness.Failure("docker-compose %s: %s" % (" ".join(words), done.stdout[-4000:]))
    return done.stdout


def state(service):
    return inspect("%s_%s_1" % (PROJECT, service), "{{json .State}}")


def with_compose(function):
    """Decorator: the images that the files ask for are there; on failure the logs are shown."""
    @functools.wraps(function)
    @on_docker
    def case():
        need_command("docker-compose")
        bases.need_pidone()
        bases.need("python:3.11-slim-bookworm", "postgres:15-bookworm", "redis:7-bookworm")
        try:
            function()
        except AssertionError:
            Process(["docker-compose", "--project-name", PROJECT, "logs", "--no-color"],
                    env=environment(), cwd=bases.shop_context(), name="compose").wait(20)
            raise
    return case


def site(path="/", **more):
    return http_get(path, 8000, host="127.0.0.1", **more)


def until_page(words, path="/"):
    wait_until(lambda: words in site(path)[1], 60, "%r on the page %s" % (words, path))


@harness.limit(120)
@with_compose
def test_compose():
    """`docker-compose up`: /init ends with 0 before /run and /async begin, the site takes an
    order at the port of this machine, the worker writes the receipt; down ends both with 0."""
    only = ["compose.yaml"]
    compose("up", "--detach", "--build", files=only)
    until_page("nothing yet")
    assert state("init")["ExitCode"] == 0
    for service in ("run", "async"):
        assert state(service)["StartedAt"] > state("init")["FinishedAt"], service
    assert site(method="POST", body="item=tea", headers={
        "Content-Type": "application/x-www-form-urlencoded"})[0] == 302
    until_page("receipt 1 for TEA")
    assert site("/static/orders/shop.css")[0] == 200
    wait_until(lambda: state("run")["Health"]["Status"] == "healthy", 60, "a healthy site")
    compose("stop", "run", "async", files=only)
    assert [state(service)["ExitCode"] for service in ("run", "async")] == [0, 0]
    # the data stays when all containers are replaced
    compose("down", files=only)
    compose("up", "--detach", files=only)
    until_page("tea")


def is_reloaded(path):
    """Django's reloader counts from its first look at a file, which may come after the first
    page: then it is saved again."""
    try:
        wait_until(lambda: "edited" in site("/healthz")[1], 5)
        return True
    except harness.Failure:
        os.utime(path)
        return False


@harness.limit(120)
@with_compose
def test_develop():
    """With the override, an edited file is what runs, without a build, and static files need no
    collectstatic; a command sees the database."""
    compose("up", "--detach", "--build")
    until_page("nothing yet")
    assert site("/static/orders/shop.css")[0] == 200
    urls = bases.shop_context() + "/shop/urls.py"
    with open(urls, encoding="ascii") as file:
        text = file.read()
    assert "ok\\n" in text and site("/healthz") == (200, "ok\n")
    with open(urls, "w", encoding="ascii") as file:
        file.write(text.replace("ok\\n", "edited\\n"))
    wait_until(lambda: is_reloaded(urls), 60, "the edited page")
    shown = compose("run", "--rm", "init", "python", "manage.py", "showmigrations", "orders")
    assert "[X] 0002_order_receipt_task" in shown, shown
    assert docker("inspect", "-f", "{{.Config.User}}", PROJECT + "_run_1") == "1000:1000"


@harness.limit(60)
@with_compose
def test_compose_is_locked_down():
    """As docker-compose reads it, the site's three services have a read-only root, no
    capabilities and no way to get any, and time to stop."""
    services = yaml.safe_load(compose("config", files=["compose.yaml"]))["services"]
    for name in ("init", "run", "async"):
        service = services[name]
        assert service["read_only"] and service["cap_drop"] == ["ALL"], service
        assert service["security_opt"] == ["no-new-privileges:true"], service
        assert service["stop_grace_period"] == "30s" and service["tmpfs"] == ["/tmp"], service
