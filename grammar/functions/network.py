"""Functions on IP networks in CIDR notation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grammar.functions.signature import FunctionError, Library, Parameter
from grammar.functions.strings import whole
from grammar.kinds import Value
from grammar.number import Number
from grammar.types import NUMBER, STRING

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

library = Library("network")


@library(prefix=STRING, number=NUMBER)
def cidrhost(prefix: str, number: Number) -> Value:
    """Return the address of a host in a network; a negative number counts from the end.

    >>> cidrhost("10.12.112.0/20", 16)
    "10.12.112.16"
    """
    network = _network(prefix)
    host = whole(number, 1)
    if not -network.num_addresses <= host < network.num_addresses:
        raise FunctionError(f"the network has {network.num_addresses} addresses only", 1)
    return str(network[host])


@library(prefix=STRING)
def cidrnetmask(prefix: str) -> Value:
    """Return the mask of an IPv4 network.

    >>> cidrnetmask("172.16.0.0/12")
    "255.240.0.0"
    """
    network = _network(prefix)
    if network.version != 4:
        raise FunctionError("IPv6 networks have no mask", 0)
    return str(network.netmask)


@library(prefix=STRING, newbits=NUMBER, number=NUMBER)
def cidrsubnet(prefix: str, newbits: Number, number: Number) -> Value:
    """Return one of the subnets that arise if a prefix is made longer by some bits.

    >>> cidrsubnet("172.16.0.0/12", 4, 2)
    "172.18.0.0/16"
    """
    network = _network(prefix)
    bits = _new_bits(network, newbits, 1)
    which = whole(number, 2, least=0)
    if which >= 2**bits:
        raise FunctionError(f"{bits} bits make {2**bits} subnets only", 2)
    return _subnet(network, bits, int(network.network_address) + (which << _free_bits(network, bits)))


@library(prefix=STRING, newbits=Parameter(NUMBER, rest=True))
def cidrsubnets(prefix: str, *newbits: Number) -> Value:
    """Return subnets one after the other, each with a prefix that is longer by so many bits.

    >>> cidrsubnets("10.1.0.0/16", 4, 4, 8)
    ["10.1.0.0/20", "10.1.16.0/20", "10.1.32.0/24"]
    """
    network = _network(prefix)
    end = int(network.broadcast_address) + 1
    address = int(network.network_address)
    result = []
    for index, number in enumerate(newbits, 1):
        bits = _new_bits(network, number, index)
        size = 1 << _free_bits(network, bits)
        address = -(-address // size) * size
        if address + size > end:
            raise FunctionError(f"there is no room left in {prefix} for this subnet", index)
        result.append(_subnet(network, bits, address))
        address += size
    return tuple(result)


def _network(prefix: str) -> IPv4Network | IPv6Network:
    from ipaddress import ip_network

    try:
        if "/" not in prefix:
            raise ValueError("no length")
        return ip_network(prefix, strict=False)
    except ValueError:
        raise FunctionError(f'must be a network such as "10.0.0.0/8", this is "{prefix[:50]}"', 0) from None


def _new_bits(network: IPv4Network | IPv6Network, newbits: Number, argument: int) -> int:
    bits = whole(newbits, argument, least=0)
    if network.prefixlen + bits > network.max_prefixlen:
        raise FunctionError(f"a prefix of {network.prefixlen} bits cannot be longer by {bits}", argument)
    return bits


def _free_bits(network: IPv4Network | IPv6Network, bits: int) -> int:
    return network.max_prefixlen - network.prefixlen - bits


def _subnet(network: IPv4Network | IPv6Network, bits: int, address: int) -> str:
    return str(type(network)((address, network.prefixlen + bits)))
