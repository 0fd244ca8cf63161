"""A sandbox in a process of its own, which answers as late as a real site does. Prints where it is.

It ends with its standard input, in whatever way that ends.
"""

import argparse
import json
import sys

from integrations.sandbox import Faults, SandboxServer, Site, SiteSpec


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.site", description=__doc__)
    parser.add_argument("issues", type=int)
    parser.add_argument("least_seconds", type=float)
    parser.add_argument("most_seconds", type=float)
    options = parser.parse_args()
    late = Faults(
        delay_seconds=options.least_seconds,
        jitter_seconds=options.most_seconds - options.least_seconds,
        only_under="/rest/api/3/search",
    )
    # Whole histories in each page: what a page cuts would be fetched in calls of another kind.
    with SandboxServer(Site(SiteSpec(issues=options.issues, seed=7)), faults=late, inline_histories=10_000) as server:
        print(json.dumps({"url": server.url, "email": server.email, "token": server.token}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
