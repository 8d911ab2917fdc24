"""A balancer as Kubernetes has them: it follows /readyz of its instances, and learns of each
change a second late. A program of its own, so that it and the load do not share one lock.

    balancer.py PORT HTTP-PORT

PORT:       as a Service does (kube-proxy): it chooses an instance for each connection, and hands
            bytes on for as long as both sides are there, however unready the instance is by then
HTTP-PORT:  as an ingress controller does: it chooses for each request, and keeps its connections
            to the instances; those to one that is out are closed when they are idle

It never tries a request again: what an instance does wrong, the client sees. On stdin
"add APP-PORT PROBE-PORT" and "remove APP-PORT"; on stdout "in APP-PORT" and "out APP-PORT"
when the change is in effect.
"""
import asyncio
import socket
import struct
import sys

HOST = "127.0.0.1"
POLL_S = 0.1     # the kubelet's period, shortened
DELAY_S = 1.0    # from the probe's answer until every node has the new list
BAD_GATEWAY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def reset(writer):
    """Ends a connection as a kernel does for a process that is not there."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                               struct.pack("ii", 1, 0))
    writer.transport.abort()


class Instance:
    def __init__(self, port, probe_port):
        self.port, self.probe_port = port, probe_port
        self.ready = self.used = False
        self.idle = []      # connections between two requests

    async def is_ready(self):
        try:
            reader, writer = await asyncio.open_connection(HOST, self.probe_port)
            writer.write(b"GET /readyz HTTP/1.0\r\nHost: x\r\n\r\n")
            answer = await reader.read()
            writer.close()
            return b" 200 " in answer.split(b"\r\n")[0]
        except OSError:
            return False

    async def connect(self):
        return await asyncio.open_connection(HOST, self.port)

    def take_idle(self):
        """The connection used last, unless the instance has closed it."""
        while self.idle:
            reader, writer = self.idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.close()
        return None

    def use(self, used):
        self.used = used
        while not used and self.idle:
            self.idle.pop()[1].close()
        print("in" if used else "out", self.port, flush=True)


class Balancer:
    def __init__(self):
        self.instances = {}
        self.turn = 0
        self.tasks = set()  # the loop alone would not keep them

    def choose(self):
        there = [i for i in self.instances.values() if i.used]
        self.turn += 1
        return there[self.turn % len(there)] if there else None

    async def follow(self, instance):
        """A change counts a second after it was seen, for as long as the instance is known."""
        while self.instances.get(instance.port) is instance:
            ready = await instance.is_ready()
            if ready != instance.ready:
                instance.ready = ready
                asyncio.get_running_loop().call_later(DELAY_S, instance.use, ready)
            await asyncio.sleep(POLL_S)

    async def obey(self):
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := (await reader.readline()).decode().split():
            if line[0] == "add":
                instance = Instance(int(line[1]), int(line[2]))
                self.instances[instance.port] = instance
                self.tasks.add(asyncio.create_task(self.follow(instance)))
            else:
                del self.instances[int(line[1])]

    def serve(self, serve):
        """The callback for a listener: serve(), for as long as it takes."""
        def connected(reader, writer):
            task = asyncio.create_task(serve(reader, writer))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        return connected

    # ---- connections ----

    async def pass_on(self, reader, writer):
        """Bytes, then how they ended: an end for an end, a reset for a reset."""
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
            writer.write_eof()
        except OSError:
            reset(writer)

    async def serve_tcp(self, reader, writer):
        instance = self.choose()
        try:
            there, to_there = await instance.connect()
        except (OSError, AttributeError):
            reset(writer)       # nobody listens
            return
        await asyncio.gather(self.pass_on(reader, to_there), self.pass_on(there, writer))
        for w in (to_there, writer):
            w.close()

    # ---- requests ----

    async def ask(self, instance, request):
        """(head, body) of the instance's answer; its connection is kept if it may be."""
        reader, writer = instance.take_idle() or await instance.connect()
        try:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head[:-4].split(b"\r\n")
            fields = {k.lower(): v.strip() for k, _, v in (l.partition(b":") for l in lines[1:])}
            length = fields.pop(b"content-length", None)
            body = await (reader.read() if length is None else reader.readexactly(int(length)))
        except BaseException:
            writer.close()
            raise
        closes = lines[0].startswith(b"HTTP/1.0") or length is None or \
            fields.pop(b"connection", b"").lower() == b"close"
        if closes or not instance.used:
            writer.close()
        else:
            instance.idle.append((reader, writer))
        return lines[0].replace(b"/1.0", b"/1.1"), body

    async def serve_http(self, reader, writer):
        """One client's requests, one after the other; none has a body."""
        try:
            closes = False
            while not closes:
                request = await reader.readuntil(b"\r\n\r\n")
                closes = b"\r\nconnection: close" in request.lower()
                path = request.split(b" ")[1]
                try:
                    status, body = await self.ask(self.choose(),
                                                  b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path)
                except (OSError, EOFError, AttributeError):
                    writer.write(BAD_GATEWAY)
                    break
                writer.write(b"%s\r\nContent-Length: %d\r\nConnection: %s\r\n\r\n" % (
                    status, len(body), b"close" if closes else b"keep-alive") + body)
                await writer.drain()
        except (OSError, EOFError):
            pass                # the client has left
        finally:
            writer.close()


async def main(port, http_port):
    balancer = Balancer()
    for serve, where in ((balancer.serve_tcp, port), (balancer.serve_http, http_port)):
        await asyncio.start_server(balancer.serve(serve), HOST, where)
    print("listening", flush=True)
    await balancer.obey()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
