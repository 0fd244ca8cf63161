"""Makes the pages of a benchmark: issues as a site gives them, with 30 custom fields and about 10 histories each."""

import json
import sys
from pathlib import Path

import httpx

from integrations.sandbox import SandboxServer, Site, SiteSpec

CATALOGUES = {
    "jira_projects": "/rest/api/3/project/search?expand=issueTypes&maxResults=100",
    "jira_statuses": "/rest/api/3/status",
    "jira_fields": "/rest/api/3/field",
}


def write_pages(folder: Path, issues: int, page_size: int) -> dict[str, float]:
    """Asks a sandbox, with whole histories, and writes each page as it came; kilobytes and histories an issue."""
    folder.mkdir(parents=True)
    size = histories = count = 0
    token: str | None = None
    with (
        SandboxServer(Site(SiteSpec(issues=issues, seed=7)), port=0, inline_histories=10_000) as server,
        httpx.Client(base_url=server.url, auth=(server.email, server.token), timeout=60) as client,
    ):
        for entity_type, path in CATALOGUES.items():
            (folder / f"{entity_type}.catalogue").write_bytes(client.get(path).raise_for_status().content)
        while True:
            body = {
                "jql": "created >= 0 ORDER BY id",
                "fields": ["*all"],
                "expand": "changelog",
                "maxResults": page_size,
            }
            answer = client.post("/rest/api/3/search/jql", json=body | ({"nextPageToken": token} if token else {}))
            answer.raise_for_status()
            page = answer.json()
            (folder / f"{count:08}.json").write_bytes(answer.content)
            size += len(answer.content)
            count += len(page["issues"])
            histories += sum(issue["changelog"]["total"] for issue in page["issues"])
            token = page.get("nextPageToken")
            if token is None:
                return {"issue_kb": round(size / count / 1000, 2), "histories_an_issue": round(histories / count, 2)}


if __name__ == "__main__":
    print(json.dumps(write_pages(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
