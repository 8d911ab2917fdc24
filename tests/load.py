"""A load on a web site: 16 clients, half of them with one connection for all of their
requests, half with a new one for each. A program of its own, see balancer.py.

    load.py [--host NAME] RATE PORT...

RATE: requests a second, of all clients together. They share the ports. NAME: the site's, which
they ask for [localhost]. On stdout a line for each failure, which is anything but a whole answer
of 200: "failed CLIENT REASON"; when stdin ends, "done TOTAL FAILED SECONDS". A client with a
connection looks whether the server has closed it before it sends
something, as all good ones do, and makes a new one then. It never tries a request again.
"""
import asyncio
import sys
import time

HOST = "127.0.0.1"
CLIENTS = 16


class Client:
    total = failed = 0

    def __init__(self, number, ports, host):
        self.keeps = number % 2 == 0
        self.port = ports[number // 2 % len(ports)]
        self.name = "%d of %d (%s)" % (number, self.port,
                                       "keep-alive" if self.keeps else "new connections")
        self.request = ("GET / HTTP/1.1\r\nHost: %s\r\nConnection: %s\r\n\r\n" % (
            host, "keep-alive" if self.keeps else "close")).encode()
        self.reader = self.writer = None

    def close(self):
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None

    async def get(self):
        """The status of one request; the connection is kept if both sides want to."""
        if self.reader is None or self.reader.at_eof():
            self.close()
            self.reader, self.writer = await asyncio.open_connection(HOST, self.port)
        self.writer.write(self.request)
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        fields = dict(line.split(": ", 1) for line in head.strip().split("\r\n")[1:])
        if "content-length" in fields:
            await self.reader.readexactly(int(fields["content-length"]))
        else:
            await self.reader.read()
        if not self.keeps or fields.get("connection") == "close" or head.startswith("http/1.0"):
            self.close()
        return head.split(" ")[1]

    async def run(self, period_s, stop):
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not stop.is_set():
            try:
                status = await asyncio.wait_for(self.get(), 30)
                reason = None if status == "200" else "status " + status
            except (OSError, EOFError, asyncio.TimeoutError) as error:
                reason = repr(error)
            Client.total += 1
            if reason is not None:
                self.close()
                Client.failed += 1
                print("failed", self.name, reason, flush=True)
            # a client that was held up catches up, but not with more than it was held up for
            due = max(due + period_s, loop.time() - 1)
            await asyncio.sleep(max(0, due - loop.time()))


async def main(host, rate, ports):
    stop = asyncio.Event()
    began = time.monotonic()
    clients = [Client(i, ports, host) for i in range(CLIENTS)]
    running = [asyncio.create_task(c.run(CLIENTS / rate, stop)) for c in clients]
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    stop.set()
    await asyncio.gather(*running)
    print("done", Client.total, Client.failed, "%.1f" % (time.monotonic() - began), flush=True)


if __name__ == "__main__":
    words = sys.argv[1:]
    name = "localhost"
    if words[0] == "--host":
        name, words = words[1], words[2:]
    asyncio.run(main(name, float(words[0]), [int(word) for word in words[1:]]))
