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
REFUSAL = "HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Refusal(Exception):
    """No instance is to be asked; the client gets this status."""


def reset(writer):
    """Ends a connection as a kernel does for a process that is not there."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                               struct.pack("ii", 1, 0))
    writer.transport.abort()


class Instance:
    def __init__(self, port, probe_port=None, host=HOST):
        self.host, self.port, self.probe_port = host, port, probe_port
        self.ready = self.used = False
        self.idle = []      # connections between two requests

    async def is_ready(self):
        try:
            reader, writer = await asyncio.open_connection(self.host, self.probe_port)
            writer.write(b"GET /readyz HTTP/1.0\r\nHost: x\r\n\r\n")
            answer = await reader.read()
            writer.close()
            return b" 200 " in answer.split(b"\r\n")[0]
        except OSError:
            return False

    async def connect(self):
        return await asyncio.open_connection(self.host, self.port)

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


def use(instance, used):
    instance.use(used)
    print("in" if used else "out", instance.port, flush=True)


def fields_of(head):
    """(first line, name in small letters → value) of a request or an answer."""
    first, *lines = head[:-4].split(b"\r\n")
    return first, {k.lower(): v.strip() for k, _, v in (line.partition(b":") for line in lines)}


async def read_request(reader):
    """(the request as it is passed on, may the connection be used again)"""
    head = await reader.readuntil(b"\r\n\r\n")
    _, fields = fields_of(head)
    body = await reader.readexactly(int(fields.get(b"content-length", 0)))
    lines = [line for line in head[:-4].split(b"\r\n")
             if not line.lower().startswith(b"connection:")]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body, \
        fields.get(b"connection", b"").lower() != b"close"


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
                asyncio.get_running_loop().call_later(DELAY_S, use, instance, ready)
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
        """The head's lines and the body of the instance's answer; its connection is kept if it
        may be."""
        reader, writer = instance.take_idle() or await instance.connect()
        try:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            first, fields = fields_of(head)
            bodiless = request.startswith(b"HEAD ") or first.split(b" ")[1] in (b"204", b"304")
            length = 0 if bodiless else fields.get(b"content-length")
            body = await (reader.read() if length is None else reader.readexactly(int(length)))
        except BaseException:
            writer.close()
            raise
        if first.startswith(b"HTTP/1.0") or length is None or not instance.used or \
                fields.get(b"connection", b"").lower() == b"close":
            writer.close()
        else:
            instance.idle.append((reader, writer))
        return [first.replace(b"/1.0", b"/1.1")] + [
            b"%s: %s" % field for field in fields.items()
            if field[0] not in (b"connection", b"content-length")], body

    def instance_for(self, request):  # pylint: disable=unused-argument
        """Who gets this request, or a Refusal."""
        instance = self.choose()
        if instance is None:
            raise Refusal("502 Bad Gateway")
        return instance

    async def serve_http(self, reader, writer):
        """One client's requests, one after the other."""
        try:
            again = True
            while again:
                request, again = await read_request(reader)
                try:
                    lines, body = await self.ask(self.instance_for(request), request)
                except (OSError, EOFError, Refusal) as error:
                    status = error if isinstance(error, Refusal) else "502 Bad Gateway"
                    writer.write((REFUSAL % status).encode())
                    break
                lines += [b"Content-Length: %d" % len(body),
                          b"Connection: " + (b"keep-alive" if again else b"close")]
                writer.write(b"\r\n".join(lines) + b"\r\n\r\n" + body)
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
