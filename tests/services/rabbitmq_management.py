"""The few calls of RabbitMQ's management API that the tests need.

https://rawcdn.githack.com/rabbitmq/rabbitmq-server/v3.13.7/deps/rabbitmq_management/priv/www/api/index.html
"""

from urllib.parse import quote, unquote, urlsplit, urlunsplit

import httpx

MANAGEMENT_PORT = 15672
# A vhost takes long to go where others go at the same time, each with a hundred queues.
SECONDS = 60


def management_url_of(url: str) -> str:
    """Where the management API of the server behind an AMQP url usually is, with the same user."""
    parts = urlsplit(url)
    secret = f"{parts.username or 'guest'}:{parts.password or 'guest'}"
    return f"http://{secret}@{parts.hostname or 'localhost'}:{MANAGEMENT_PORT}"


def with_vhost(url: str, vhost: str) -> str:
    """The same server and user, another vhost."""
    return urlunsplit(urlsplit(url)._replace(path="/" + quote(vhost, safe="")))


def create_vhost(management: str, vhost: str) -> None:
    """Create a vhost and give its creator all rights in it; needs a user with the tag administrator."""
    user = urlsplit(management).username or "guest"
    rights = {"configure": ".*", "write": ".*", "read": ".*"}
    _call(management, "PUT", f"vhosts/{quote(vhost, safe='')}")
    _call(management, "PUT", f"permissions/{quote(vhost, safe='')}/{user}", rights)


def delete_vhost(management: str, vhost: str) -> None:
    """Remove a vhost with everything in it."""
    _call(management, "DELETE", f"vhosts/{quote(vhost, safe='')}")


def close_connections(management: str, url: str, name: str) -> int:
    """Let the server close the connections of this name to the vhost of an AMQP url; how many it knew of.

    A connection shows up there some seconds after it was opened.
    """
    vhost = unquote(urlsplit(url).path[1:])
    rows = _call(management, "GET", "connections").json()
    names = [row["name"] for row in rows if (row.get("vhost"), row.get("user_provided_name")) == (vhost, name)]
    for name in names:
        _call(management, "DELETE", f"connections/{quote(name, safe='')}")
    return len(names)


def _call(management: str, method: str, path: str, body: object = None) -> httpx.Response:
    answer = httpx.request(method, f"{management}/api/{path}", json=body, timeout=SECONDS, trust_env=False)
    if answer.is_error and answer.status_code != httpx.codes.NOT_FOUND:
        answer.raise_for_status()
    return answer
