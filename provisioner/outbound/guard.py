"""Which addresses may be called: public ones, and those that DRAWBRIDGE_WEBHOOK_ALLOW names.

A host name is judged by what it resolves to at the moment of the connection, and the connection goes to exactly that
address: a name that answers differently a second time (DNS rebinding) gains nothing by it.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], Sequence[str]]

_NAT64 = (
    ipaddress.IPv6Network("64:ff9b::/96"),
    ipaddress.IPv6Network("64:ff9b:1::/48"),
)  # RFC 6052, RFC 8215
_COMPATIBLE = ipaddress.IPv6Network("::/96")


class Forbidden(Exception):
    """The address must not be called; the text says why and what an operator can do."""


class Unresolved(Exception):
    """The host name has no address now."""


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host as the system resolves it. Raises Unresolved."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unresolved("The host name could not be resolved.") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True)
class Guard:
    """Decides by resolved address. `allowed` are the networks that may be called though they are not public."""

    allowed: tuple[IPNetwork, ...] = ()
    resolve: Resolve = field(default=resolve)

    def addresses(self, host: str, port: int, *, secure: bool) -> list[str]:
        """Return the addresses to connect to. Raises Forbidden and Unresolved.

        One forbidden address among several refuses all: a public name has no business inside.
        """
        found = list(self.resolve(host, port))
        if not found:
            raise Unresolved("The host name has no address.")
        for text in found:
            address = parse(text)
            if any(self._named(one) for one in (address, *embedded(address))):
                continue
            if not is_public(address):
                raise Forbidden(
                    "The host name leads to an address that is not public. If this receiver is meant, an operator "
                    "names its network in DRAWBRIDGE_WEBHOOK_ALLOW."
                )
            if not secure:
                raise Forbidden(
                    "Plain http is only for networks that DRAWBRIDGE_WEBHOOK_ALLOW names. Use https."
                )
        return found

    def _named(self, address: IPAddress) -> bool:
        return any(address.version == network.version and address in network for network in self.allowed)


def parse(text: str) -> IPAddress:
    """Read an address as resolvers write it. Raises Forbidden."""
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError as error:
        raise Forbidden("The host name leads to something that is no IP address.") from error


def embedded(address: IPAddress) -> list[IPAddress]:
    """Return the IPv4 addresses that an IPv6 one stands for: mapped, compatible, 6to4, Teredo, NAT64."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    found: list[IPAddress | None] = [address.ipv4_mapped, address.sixtofour]
    if address.teredo is not None:
        found += address.teredo
    if address in _COMPATIBLE or any(address in network for network in _NAT64):
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return [one for one in found if one is not None]


def is_public(address: IPAddress) -> bool:
    """Tell whether an address, and whatever it stands for, is one of the open internet (IANA's special registries)."""
    if address in _NAT64[0]:  # how an IPv6-only network reaches the IPv4 internet
        return all(is_public(one) for one in embedded(address))
    if not address.is_global or address.is_multicast or address.is_reserved or address.is_unspecified:
        # A mapped address is never global itself; the connection would go to what it stands for.
        return False
    return all(is_public(one) for one in embedded(address))


def networks(entries: Sequence[str]) -> tuple[IPNetwork, ...]:
    """Read the networks of a setting: "10.1.0.0/16", "192.0.2.7". Raises ValueError naming the entry."""
    found = []
    for entry in entries:
        if not entry.strip():
            continue
        try:
            found.append(ipaddress.ip_network(entry.strip()))
        except ValueError as error:
            raise ValueError(
                f"{entry.strip()!r} is no network. Write an IP address or a network, such as 10.1.0.0/16."
            ) from error
    return tuple(found)
