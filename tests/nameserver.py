"""A name server that answers as told, and the resolver that asks it."""
import socket
import struct
import threading

import harness

TYPE_A, TYPE_AAAA = 1, 28
ANSWER, NAME_UNKNOWN = 0x8180, 0x8183


class NameServer:
    """names: what each name (without the last dot) leads to: IPv4 and IPv6 addresses. Mute:
    nothing is answered until speak(). asked: the names, in the order of the questions."""

    def __init__(self, names=None, mute=False, options="timeout:5 attempts:2"):
        self.names = dict(names or {})
        self.asked = []
        self.waiting = [] if mute else None
        self.lock = threading.Lock()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.53", 53))
        harness.cover("/etc/resolv.conf", "nameserver 127.0.0.53\noptions %s\n" % options)
        harness.cover("/etc/nsswitch.conf", "hosts: files dns\n")
        threading.Thread(target=self._serve, daemon=True).start()

    def speak(self):
        """Answers what has been asked so far, and from now on."""
        with self.lock:
            late, self.waiting = self.waiting or [], None
        for question in late:
            self._answer(*question)

    def _serve(self):
        while True:
            question = self.socket.recvfrom(4096)
            with self.lock:
                if self.waiting is not None:
                    self.waiting.append(question)
                    continue
            self._answer(*question)

    def _answer(self, question, sender):
        name, end = self._read_name(question)
        kind = struct.unpack_from("!H", question, end)[0]
        self.asked.append(name)
        family = {TYPE_A: socket.AF_INET, TYPE_AAAA: socket.AF_INET6}.get(kind)
        found = [a for a in self.names.get(name, ())
                 if (socket.AF_INET6 if ":" in a else socket.AF_INET) == family]
        head = struct.pack("!2s5H", question[:2], ANSWER if name in self.names else NAME_UNKNOWN,
                           1, len(found), 0, 0)
        records = b"".join(struct.pack("!3HIH", 0xc00c, kind, 1, 0, 4 if family == socket.AF_INET
                                       else 16) + socket.inet_pton(family, a) for a in found)
        self.socket.sendto(head + question[12:end + 4] + records, sender)

    @staticmethod
    def _read_name(question):
        labels, at = [], 12
        while question[at] != 0:
            labels.append(question[at + 1:at + 1 + question[at]].decode())
            at += 1 + question[at]
        return ".".join(labels), at + 1
