"""The messages of one channel that wait for their confirm."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pika
from pika.channel import Channel

WINDOW = 100  # messages in flight
NO_ROUTE = "312"  # how a failure begins that is due to a queue that is not there


@dataclass(frozen=True)
class Publication:
    """One message with where it goes, in AMQP's words."""

    exchange: str
    routing_key: str
    body: bytes
    properties: pika.BasicProperties


@dataclass
class Batch:
    """Publications that one caller waits for. Counted down on the publisher's thread only."""

    size: int
    failures: dict[int, str] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)
    _ended: set[int] = field(default_factory=set)

    def end(self, index: int, error: str = "") -> None:
        """One publication is confirmed, or failed with an error."""
        if error:
            self.failures[index] = error
        self._ended.add(index)
        if len(self._ended) == self.size:
            self.over.set()

    def failures_with(self, error: str) -> dict[int, str]:
        """What failed; whatever has not ended yet failed with this error."""
        return {i: error for i in range(self.size) if i not in self._ended} | self.failures


@dataclass(frozen=True)
class Item:
    """A publication and whom to tell."""

    publication: Publication
    batch: Batch
    index: int

    def end(self, error: str = "") -> None:
        """Report the publication's fate."""
        self.batch.end(self.index, error)


class Window:
    """Sends items and ends each with its confirm. Belongs to the publisher's thread."""

    def __init__(self, channel: Channel, on_room: Callable[[], None]) -> None:
        self._channel = channel
        self._on_room = on_room
        self._in_flight: OrderedDict[int, Item] = OrderedDict()
        self._returned: dict[str, str] = {}
        self._last_tag = 0
        channel.confirm_delivery(self._on_confirm)
        # the server sends a return before its confirm
        channel.add_on_return_callback(self._on_return)

    @property
    def has_room(self) -> bool:
        """Whether one more may be sent now."""
        return self._channel.is_open and len(self._in_flight) < WINDOW

    def send(self, item: Item) -> None:
        """Publish; the item is ended later, by the server's answer."""
        self._last_tag += 1  # the server numbers the messages of a channel in the same way
        self._in_flight[self._last_tag] = item
        one = item.publication
        self._channel.basic_publish(one.exchange, one.routing_key, one.body, one.properties, mandatory=True)

    def abandon(self, error: str) -> None:
        """End what is in flight with an error: it may have arrived or not."""
        for item in self._in_flight.values():
            item.end(error)
        self._in_flight.clear()

    def _on_return(self, _channel: object, method: Any, properties: pika.BasicProperties, _body: bytes) -> None:
        self._returned[properties.message_id or ""] = f"{method.reply_code} {method.reply_text}"

    def _on_confirm(self, frame: Any) -> None:
        refused = "" if isinstance(frame.method, pika.spec.Basic.Ack) else "refused by the server"
        for item in self._confirmed(frame.method.delivery_tag, frame.method.multiple):
            item.end(refused or self._returned.pop(item.publication.properties.message_id or "", ""))
        self._on_room()

    def _confirmed(self, tag: int, multiple: bool) -> Iterator[Item]:
        """One confirm may stand for every earlier message too."""
        while multiple and self._in_flight and next(iter(self._in_flight)) < tag:
            yield self._in_flight.popitem(last=False)[1]
        if tag in self._in_flight:
            yield self._in_flight.pop(tag)
