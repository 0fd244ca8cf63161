"""The endpoints of the API with a good request each: one module per part, each with a list ``CASES``.

`tests/etl/api/test_access.py` sends each as its owner, a stranger, a viewer, a superuser and nobody.
"""
