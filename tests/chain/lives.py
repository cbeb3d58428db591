"""Processes that are killed (SIGKILL) at one of their steps, and what they left is looked at.

A step is what other parts of the world can see: a request to the node, a statement or a commit in
PostgreSQL. To be killed after one is to be killed before the next.
"""

import os
import signal
import traceback
from collections.abc import Callable
from typing import Any

from django.db import connection

from chain.rpc import Rpc


def live(action: Callable[[], object], *, dies_at: int | None = None) -> bool:
    """Do it in a process of its own, which is killed before a step (from 1 on), if it comes so far.

    Whether it came to its end. An exception that escapes the action fails the test.
    """
    child = os.fork()
    if child == 0:
        _live_and_end(action, dies_at)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        assert dies_at is not None
        return False
    assert os.waitstatus_to_exitcode(status) == 0
    return True


def _live_and_end(action: Callable[[], object], dies_at: int | None) -> None:
    """In the child: never returns. What belongs to the parent is left alone."""
    code = 1
    try:
        inherited = connection.connection  # noqa: F841  Kept, so that it is not closed here.
        connection.connection = None
        if dies_at is not None:
            _count_steps(dies_at)
        action()
        connection.close()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _count_steps(dies_at: int) -> None:
    left = dies_at

    def then(real: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **kwargs)

    post, commit = Rpc._post, connection._commit
    Rpc._post = lambda self, body: then(post, self, body)  # type: ignore[method-assign]
    connection._commit = lambda: then(commit)
    connection.execute_wrappers.append(lambda execute, *arguments: then(execute, *arguments))
