"""Which machines pictures may be fetched from: those of the public internet alone."""

import socket
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from embedstore.errors import BadImage

Address = IPv4Address | IPv6Address

# IPv6 addresses that a gateway turns into the IPv4 address of their last 32 bits
_TRANSLATED = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"), IPv6Network("::/96"))


def is_public(address: Address) -> bool:
    """Say whether an address, and each that it stands for, is of the public internet."""
    return all(
        each.is_global
        and not (each.is_multicast or each.is_reserved or each.is_unspecified)
        and not (isinstance(each, IPv6Address) and each.is_site_local)
        for each in (address, *_meant(address))
    )


def addresses_of(host: str, port: int) -> list[tuple[str, int]]:
    """Resolve a name, in whatever spelling it or its address is.

    Returns:
        Addresses with the port, as sockets take them.

    Raises:
        BadImage: It is no name, or leads nowhere.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise BadImage(
            f"{host[:80]!r} leads nowhere; expected the name of a public site"
        ) from error
    return list(dict.fromkeys((str(each[4][0]), port) for each in found))


def parsed(address: str) -> Address:
    """Read an address as the resolver gives it, perhaps with the name of an interface."""
    return ip_address(address.partition("%")[0])


def _meant(address: Address) -> Iterator[Address]:
    """Give the IPv4 addresses inside an IPv6 address."""
    if isinstance(address, IPv4Address):
        return
    for inside in (address.ipv4_mapped, address.sixtofour, *(address.teredo or ())):
        if inside is not None:
            yield inside
    if any(address in network for network in _TRANSLATED):
        yield IPv4Address(int(address) & 0xFFFFFFFF)
