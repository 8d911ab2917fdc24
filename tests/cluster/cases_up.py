"""The rendered pod comes up and does what a visitor wants of it."""
import os

import harness
from shop import HOST, PIDONE, hosters, in_world, plain, release

DIFFICULT = "a'b\"c $HOME $(SECRET_KEY) $$ \\n\n  second line\n\té€ %s #x\n"


def works(world, values, uid=10001):
    """The site, its files and its secrets, as a visitor and the site itself see them."""
    world.deploy(values, 120)
    status, page = world.visit()
    assert status == 200 and "nothing yet" in page, (status, page)
    assert world.visit("/static/orders/shop.css")[0] == 200
    assert world.visit(host="other.example.org")[0] == 404
    # an upload by the site is served by the file server
    assert world.upload("hello.txt", "whole")[0] == 200
    assert world.visit("/media/hello.txt") == (200, "whole")
    assert world.visit("/media/")[0] in (403, 404)
    told = world.told("TEXT", "HOME", "ALLOWED_HOSTS")
    assert told["env"] == {"TEXT": DIFFICULT, "HOME": "/tmp", "ALLOWED_HOSTS": HOST}, told
    assert told["ids"] == [uid, uid, [uid]], told
    assert told["database"] == {"HOST": "db", "USER": "shop", "NAME": "shop",
                                "PASSWORD": "geheim/:@"}, told


def with_files(world, tag, **more):
    return world.values(tag, {
        "env": {"MEDIA_ROOT": "/srv/files/media"}, "async": {"enabled": True},
        "files": {"mountPath": "/srv/files", "urls": {"/media/": "media"}}, **more},
        secret={"TEXT": DIFFICULT})


@harness.limit(180)
@in_world
def test_comes_up(world):
    """From a values file of ten lines: /init, /run, /async and the file server in one pod on a
    locked down root; pages, uploads, secrets with any characters, the database's credentials"""
    world.start_broker()
    release("1")
    works(world, with_files(world, "1"))


@harness.limit(180)
@in_world
def test_unmodified_image(world):
    """An image that has never heard of pidone, with the hoster's, does the same"""
    world.start_broker()
    release("plain", base=plain())
    values = with_files(world, "plain")
    values["hoster"]["pidone"] = {"image": hosters("pidone:0.1.0", PIDONE)}
    works(world, values)
    run = world.pod()
    assert not any(os.path.basename(word) == "pidone" and word != "/opt/pidone/pidone"
                   for c in run.spec["containers"] for word in c["command"]), run.spec
