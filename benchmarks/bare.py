"""The floor of extraction: as many threads ask for the same pages with httpx, and keep nothing."""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import orjson

SEARCH = "/rest/api/3/search/jql"
COUNT = "/rest/api/3/search/approximate-count"


def _read(client: httpx.Client, question: Mapping[str, Any]) -> int:
    """The pages of one partition, after their count, one by one: each needs the token of the one before."""
    client.post(COUNT, json={"jql": question["jql"].partition(" ORDER BY ")[0]}).raise_for_status()
    pages, token = 0, None
    while pages == 0 or token:
        answer = client.post(SEARCH, json={**question, **({"nextPageToken": token} if token else {})})
        token = orjson.loads(answer.raise_for_status().content).get("nextPageToken")
        pages += 1
    return pages


def main(site: Mapping[str, str], questions: Sequence[Mapping[str, Any]], parallel: int) -> None:
    with (
        httpx.Client(base_url=site["url"], auth=(site["email"], site["token"]), timeout=60) as client,
        ThreadPoolExecutor(parallel) as threads,
    ):
        began = time.perf_counter()
        pages = sum(threads.map(lambda question: _read(client, question), questions))
        print(
            json.dumps(
                {"pages": pages, "other_calls": len(questions), "seconds": round(time.perf_counter() - began, 3)}
            )
        )


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    main(asked["site"], asked["questions"], asked["parallel"])
