"""Calls to hosts that people choose: made only where the very address that is connected to may be called.

So a name that leads elsewhere by the time it is called helps nobody, and neither does a redirect, nor an address that
is written in another way. Whoever calls for a tenant guards its httpx client here. Where the installation has a proxy
(HTTPS_PROXY), that one connects: names are looked up here besides, and what they lead to must be allowed.
"""

import asyncio
import socket
from collections.abc import Iterable
from typing import Any, TypeVar

import httpcore
import httpx

from integrations.addresses import reachable

C = TypeVar("C", httpx.Client, httpx.AsyncClient)
_UNREACHED = (httpcore.ConnectError, httpcore.ConnectTimeout)


def guarded(client: C) -> C:
    """The same client, which from now on raises ForbiddenHost in the place of calling what may not be called."""
    backend, proxied = (_Backend, _Proxied) if isinstance(client, httpx.Client) else (_AsyncBackend, _AsyncProxied)
    # httpx offers no other way in that keeps its proxies; tests see to it that this is one.
    client._transport._pool._network_backend = backend()  # type: ignore[attr-defined]
    for pattern, transport in client._mounts.items():
        if transport is not None:
            client._mounts[pattern] = proxied(transport)
    return client


class _Backend(httpcore.SyncBackend):
    """Looks a name up itself, and connects to what it found and nothing else."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise httpcore.ConnectError(error) from error
        *others, last = reachable(host, found)
        for address in others:
            try:
                return super().connect_tcp(address, port, timeout, local_address, socket_options)
            except _UNREACHED:
                continue
        return super().connect_tcp(last, port, timeout, local_address, socket_options)


class _AsyncBackend(httpcore.AnyIOBackend):
    """The same for asyncio."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise httpcore.ConnectError(error) from error
        *others, last = reachable(host, found)
        for address in others:
            try:
                return await super().connect_tcp(address, port, timeout, local_address, socket_options)
            except _UNREACHED:
                continue
        return await super().connect_tcp(last, port, timeout, local_address, socket_options)


class _Proxied(httpx.BaseTransport):
    """Calls through a proxy. It may know names that nobody knows here; those are its business."""

    def __init__(self, transport: httpx.BaseTransport) -> None:
        self._transport = transport

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        _check(request.url.host)
        return self._transport.handle_request(request)

    def close(self) -> None:
        self._transport.close()


class _AsyncProxied(httpx.AsyncBaseTransport):
    """The same for asyncio."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.to_thread(_check, request.url.host)
        return await self._transport.handle_async_request(request)

    async def aclose(self) -> None:
        await self._transport.aclose()


def _check(host: str) -> None:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return
    reachable(host, found)
