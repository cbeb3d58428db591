"""When to look for cyclic garbage.

Requests and tasks make trees of ten thousands of objects, which need no such search: by default it
takes a quarter of their time.
"""

COLLECT_AFTER = 50_000
"""New objects between two searches."""
