"""How gunicorn serves the site."""

import gc

from config.garbage import COLLECT_AFTER

workers = 2
threads = 4
timeout = 90
# Loaded once, shared by the workers.
preload_app = True


def post_fork(server: object, worker: object) -> None:
    """What is loaded by now stays: do not look through it for garbage."""
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)
