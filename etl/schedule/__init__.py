"""When each job runs: by turns of its tenant, by an interval or by a cron expression; and the repairs that are due."""
