"""An ingress controller for the tests: it sends each request to a ready endpoint of the Service
that its host and path belong to, and learns of a change of the endpoints a second late. It never
tries a request again: what a pod does wrong, the visitor sees. A program of its own, so that it
and the kubelet do not share one lock.

    front.py PORT

On stdin the whole table, one line of JSON for each change: {"rules": [[HOST, PATH, [ADDRESS:PORT,
...]], ...], "delay": SECONDS}; on stdout "now N" when the Nth one is in effect. An empty host is
any; the longest path that fits counts, by whole elements as pathType Prefix wants it.
"""
import asyncio
import json
import sys

import balancer
from balancer import Balancer, Instance, Refusal, fields_of


def covers(path, wanted):
    """Does the rule's path cover the one that is wanted?"""
    return wanted == path or wanted.startswith(path.rstrip("/") + "/")


class Front(Balancer):
    def __init__(self):
        super().__init__()
        self.rules = []
        self.tables = 0

    def instance_for(self, request):
        head = request.split(b"\r\n\r\n")[0] + b"\r\n\r\n"
        first, fields = fields_of(head)
        host = fields.get(b"host", b"").decode().partition(":")[0]
        path = first.split(b" ")[1].decode().partition("?")[0]
        fitting = [rule for rule in self.rules
                   if rule[0] in ("", host) and covers(rule[1], path)]
        if not fitting:
            raise Refusal("404 Not Found")
        addresses = max(fitting, key=lambda rule: (len(rule[0]), len(rule[1])))[2]
        if not addresses:
            raise Refusal("503 Service Unavailable")
        self.turn += 1
        return self.instances[addresses[self.turn % len(addresses)]]

    def adopt(self, rules):
        """The table is in effect."""
        self.rules = rules
        wanted = {address for rule in rules for address in rule[2]}
        for address in set(self.instances) - wanted:
            self.instances.pop(address).use(False)
        for address in wanted - set(self.instances):
            host, port = address.split(":")
            self.instances[address] = Instance(int(port), host=host)
            self.instances[address].use(True)
        self.tables += 1
        print("now", self.tables, flush=True)

    async def obey(self):
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=1 << 20)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            table = json.loads(line)
            loop.call_later(table["delay"], self.adopt, table["rules"])


async def main(port):
    front = Front()
    await asyncio.start_server(front.serve(front.serve_http), balancer.HOST, port)
    print("listening", flush=True)
    await front.obey()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
