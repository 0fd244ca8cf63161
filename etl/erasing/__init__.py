"""Erasing a connection or a tenant with all that came of it: asked for by people, done by workers in batches."""
