"""The site's other side: POST /sandbox/... changes it while it runs. No credentials: it listens on the loopback only.

Pull requests are named as "acme/checkout-service#12", repositories as "acme/checkout-service".
"""

import base64
from typing import Any

from integrations.sandbox.changes import Changes
from integrations.sandbox.github.hooks import Hook
from integrations.sandbox.github.site import GitHubSite

Body = dict[str, Any]
PULL, NAME = '"pull": "acme/checkout-service#12"', '"repository": "acme/checkout-service"'

changes: Changes[GitHubSite] = Changes()
router, HELP, change = changes.router, changes.help, changes.change


@change("open", f'{{{NAME}, "title": "PAY-1 Ask again", "branch": "fix/it"}}', ("branch",), repository=str, title=str,
        branch=str)  # fmt: skip
def open_pull(site: GitHubSite, body: Body) -> str:
    return site.open_pull(**body)


@change("edit", f'{{{PULL}, "title": "Another name"}}', ("title", "body", "draft", "labels"), pull=str, title=str,
        body=str, draft=bool, labels=list)  # fmt: skip
def edit(site: GitHubSite, body: Body) -> int:
    return site.edit_pull(body.pop("pull"), **body)


@change("merge", f"{{{PULL}}}", pull=str)
def merge(site: GitHubSite, body: Body) -> int:
    return site.merge_pull(body["pull"])


@change("close", f"{{{PULL}}}", pull=str)
def close(site: GitHubSite, body: Body) -> int:
    return site.close_pull(body["pull"])


@change("reopen", f"{{{PULL}}}", pull=str)
def reopen(site: GitHubSite, body: Body) -> int:
    return site.reopen_pull(body["pull"])


@change("push", f'{{{PULL}, "count": 2, "message": "PAY-1 More"}}', ("message",), pull=str, count=int, message=str)
def push(site: GitHubSite, body: Body) -> int:
    return site.push_commits(body["pull"], body.get("count", 1), message=body.get("message", "More of it"))


@change("force-push", f"{{{PULL}}}", pull=str, count=int)
def force_push(site: GitHubSite, body: Body) -> int:
    return site.force_push(body["pull"], count=body.get("count"))


@change("review", f'{{{PULL}, "state": "APPROVED", "comments": 2}}', pull=str, state=str, comments=int)
def review(site: GitHubSite, body: Body) -> int:
    return site.review_pull(body["pull"], body["state"], comments=body.get("comments", 0))


@change("dismiss", f"{{{PULL}}}  (its last approval)", pull=str)
def dismiss(site: GitHubSite, body: Body) -> int:
    return site.dismiss_review(body["pull"])


@change("comment", f'{{{PULL}, "body": "What of it?"}}', pull=str, body=str)
def comment(site: GitHubSite, body: Body) -> int:
    return site.comment_pull(body["pull"], body["body"])


@change("delete-fork", f"{{{PULL}}}", pull=str)
def delete_fork(site: GitHubSite, body: Body) -> None:
    site.delete_fork(body["pull"])


@change("delete-repository", f"{{{NAME}}}", repository=str)
def delete_repository(site: GitHubSite, body: Body) -> None:
    site.delete_repository(body["repository"])


@change("rename-repository", f'{{{NAME}, "name": "checkout"}}', repository=str, name=str)
def rename_repository(site: GitHubSite, body: Body) -> str:
    return site.rename_repository(body["repository"], body["name"])


@change("transfer-repository", f'{{{NAME}, "owner": "acme-labs"}}', repository=str, owner=str)
def transfer_repository(site: GitHubSite, body: Body) -> str:
    return site.transfer_repository(body["repository"], body["owner"])


@change("archive-repository", f"{{{NAME}}}", repository=str)
def archive_repository(site: GitHubSite, body: Body) -> None:
    site.archive_repository(body["repository"])


@change("unarchive-repository", f"{{{NAME}}}", repository=str)
def unarchive_repository(site: GitHubSite, body: Body) -> None:
    site.archive_repository(body["repository"], archived=False)


@change("hook", '{"url": "http://127.0.0.1:8000/app/etl/webhooks/github/1", "secret": "s"}', url=str, secret=str)
def hook(site: GitHubSite, body: Body) -> str:
    """From now on each change is told there, beginning with a ping."""
    site.on_delivery = Hook(body["url"], body["secret"])
    return site.ping().id


@change("deliveries", '{"secret": "s"}  (all that were made, with signatures)', secret=str)
def deliveries(site: GitHubSite, body: Body) -> list[Any]:
    with site.lock:
        made = list(site.deliveries)
    return [{"headers": one.headers(body["secret"]), "body": base64.b64encode(one.body).decode()} for one in made]
