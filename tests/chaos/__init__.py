"""Syncs in the distributed profile while processes, the broker and the database are killed: `make chaos RUNS=20`.

Each run starts from an empty database and ends by itself or fails; then every derived row and vector is compared with
those of a run that nobody disturbed. The only persons are the container managers, who start what was killed.
"""
