"""The Celery application; each app's tasks.py is found by itself."""

import gc
import os

from celery import Celery
from celery.signals import task_postrun, worker_process_init
from django.db import close_old_connections

from config.garbage import COLLECT_AFTER

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
app = Celery("action_model")
app.config_from_object("django.conf:settings", namespace="CELERY")
# Never by count: close_broken_connections closes what is broken or old.
app.conf["CELERY_DB_REUSE_MAX"] = 2**31
app.autodiscover_tasks()


@worker_process_init.connect
def spare_garbage_collection(**kwargs: object) -> None:
    """What is loaded by now stays: do not look through it for garbage."""
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)


@task_postrun.connect
def close_broken_connections(**kwargs: object) -> None:
    """After a task, drop a connection that failed or is too old; a good one is used again.

    Celery by itself connects anew for every task, which costs a third of a short one's time.
    """
    close_old_connections()
