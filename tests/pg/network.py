"""A pod behind a router that can lose every packet, without a word to anybody."""
import os
import subprocess

import harness

POD, SERVER = "10.76.1.2", "10.76.2.1"  # as they see each other


class Router:
    """The namespaces of a pod and of a router; this process is on the other side of it.
    inside: what Pidone needs to be in that pod. cut(): from now on nothing passes."""

    def __init__(self):
        harness.need_root()
        harness.need_command("ip", "nsenter")
        for script in ("netns add pod", "netns add router",
                       "link add to-router netns pod type veth peer name to-pod netns router",
                       "link add uplink type veth peer name downlink netns router",
                       "addr add %s/24 dev uplink" % SERVER, "link set uplink up",
                       "route add 10.76.1.0/24 via 10.76.2.254",
                       "-n router addr add 10.76.1.254/24 dev to-pod",
                       "-n router addr add 10.76.2.254/24 dev downlink",
                       "-n router link set to-pod up", "-n router link set downlink up",
                       "-n pod link set lo up", "-n pod addr add %s/24 dev to-router" % POD,
                       "-n pod link set to-router up",
                       "-n pod route add default via 10.76.1.254"):
            subprocess.run(["ip"] + script.split(), check=True)
        pod = os.open("/run/netns/pod", os.O_RDONLY)
        self.inside = {"through": ["nsenter", "--net=/proc/self/fd/%d" % pod, "--"],
                       "pass_fds": (pod,)}
        self._forward("1")

    @staticmethod
    def _forward(value):
        subprocess.run(["ip", "netns", "exec", "router", "sh", "-c",
                        "echo %s >/proc/sys/net/ipv4/ip_forward" % value], check=True)

    def cut(self):
        self._forward("0")
