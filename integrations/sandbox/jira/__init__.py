"""A Jira Cloud site that lives in memory: its data (site, generator) and its REST v3 answers (routes)."""
