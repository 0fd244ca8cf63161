"""Comparing what sites have with what is stored of them, and repairing exactly what differs."""
