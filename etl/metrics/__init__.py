"""Figures about the flow of work: how many, how long, how old; by project, team and period, as percentiles."""
