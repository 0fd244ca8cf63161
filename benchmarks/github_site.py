"""A sandbox GitHub in a process of its own. Prints where it is, and ends with its standard input."""

import json
import sys

from integrations.sandbox.github import GitHubFaults, GitHubServer, GitHubSite, GitHubSpec


def main(pull_requests: int) -> None:
    # Without limits: here the loading counts, and no call waits.
    faults = GitHubFaults(points=0, minute_points=0)
    with GitHubServer(GitHubSite(GitHubSpec(pull_requests, seed=7)), faults=faults) as server:
        print(json.dumps({"url": server.url, "token": server.token}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(int(sys.argv[1]))
