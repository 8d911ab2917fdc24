"""Who may talk to whom, by the NetworkPolicies of a rendering, as Kubernetes defines it: a pod that
no policy is about in a direction may do everything in it; otherwise what any of them allows.

    allowed(policies, Pod("acme", {...}), Pod("acme", {...}, {"http": 8000}), 8000)
    allowed(policies, Pod(…), "192.0.2.1", 443)
"""
import ipaddress

import chart
from links import selects

NAME_OF_NAMESPACE = "kubernetes.io/metadata.name"


class Pod:
    """ports: name → number."""

    def __init__(self, namespace, labels, ports=()):
        self.namespace, self.labels, self.ports = namespace, labels, dict(ports)


def _peer(peer, other, namespace):
    """Is the other end such a peer of a policy in this namespace?"""
    block = peer.get("ipBlock")
    if block:
        return isinstance(other, str) and _within(other, block["cidr"]) and \
            not any(_within(other, network) for network in block.get("except", []))
    if isinstance(other, str):
        return False
    if "namespaceSelector" in peer:
        if not selects(peer["namespaceSelector"], {NAME_OF_NAMESPACE: other.namespace}):
            return False
    elif other.namespace != namespace:
        return False
    return selects(peer.get("podSelector") or {}, other.labels)


def _within(address, network):
    # strict: Kubernetes refuses a network with bits beyond its length
    address, network = ipaddress.ip_address(address), ipaddress.ip_network(network, strict=True)
    return address.version == network.version and address in network


def _port(rule, port, protocol, target):
    if not rule.get("ports"):
        return True
    for entry in rule["ports"]:
        number = entry.get("port", port)
        if isinstance(number, str):
            number = target.ports.get(number) if isinstance(target, Pod) else None
        if entry.get("protocol", "TCP") == protocol and \
                number is not None and number <= port <= entry.get("endPort", number):
            return True
    return False


def _direction(policies, pod, other, port, protocol, kind):
    """kind: Ingress or Egress of the pod."""
    field, side = {"Ingress": ("ingress", "from"), "Egress": ("egress", "to")}[kind]
    about = [p for p in policies
             if p["metadata"].get("namespace", chart.NAMESPACE) == pod.namespace
             and kind in p["spec"]["policyTypes"]
             and selects(p["spec"]["podSelector"], pod.labels)]
    target = pod if kind == "Ingress" else other
    return not about or any(
        _port(rule, port, protocol, target) and
        (not rule.get(side) or any(_peer(peer, other, pod.namespace) for peer in rule[side]))
        for policy in about for rule in policy["spec"].get(field) or [])


def allowed(policies, client, server, port, protocol="TCP"):
    """Both ends have to allow it; an address outside has no policies."""
    return (isinstance(client, str) or
            _direction(policies, client, server, port, protocol, "Egress")) and \
        (isinstance(server, str) or
         _direction(policies, server, client, port, protocol, "Ingress"))
