"""Measures what it costs to ask the model where anchors fail: `python -m bench.decisions`.

Pages and instructions are those of the project's own recordings. Writes
bench/results/decisions.json. The model's times are CPU time of one thread, the round trip is by
the clock, over HTTP to gunicorn as `make run` serves it, one question after the other.
"""

import http.client
import json
import socket
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

from bench import report
from bench.database import database
from bench.report import figure
from config import embedded
from lam_core.model_release import default_release, load_release
from lam_core.policy import ModelPolicy
from lam_core.recordings import Reading, sources, workflows
from lam_core.samples import FOLDER
from lam_core.schema import Workflow
from lam_core.takeover import answer, parse_question

ROUNDS = 3
PATH = "/api/v1/decisions"


def questions() -> list[bytes]:
    """One for each step of the recordings."""
    found = workflows(sources(FOLDER), Reading())
    return [question for _, workflow in found for question in _questions(workflow)]


def _questions(workflow: Workflow) -> Iterator[bytes]:
    document = workflow.document()
    for step in document["steps"]:
        if step["action"] not in ("click", "type"):
            continue
        asked = {
            "instruction": document["task"]["instruction"],
            "observation": document["observations"][step["observation"]],
            "step": {"kind": step["action"]},
        }
        yield json.dumps(asked).encode()


def in_the_model(asked: list[bytes]) -> list[float]:
    """Milliseconds of CPU of each answer, reading the question included; the best of three."""
    torch.set_num_threads(1)
    policy = ModelPolicy(load_release(default_release()).model)
    best = [float("inf")] * len(asked)
    for _ in range(ROUNDS):
        for number, body in enumerate(asked):
            started = time.thread_time()
            answer(parse_question(body), policy)
            best[number] = min(best[number], 1000 * (time.thread_time() - started))
    return best


@contextmanager
def served(folder: Path) -> Iterator[int]:
    """The site, by gunicorn; its port."""
    broker = embedded.Broker(folder / "broker", embedded.free_port())
    broker.start()
    port = embedded.free_port()
    command = ["-m", "gunicorn", "--config", "python:config.gunicorn", "config.wsgi"]
    command += ["--workers", "1", "--bind", f"{embedded.HOST}:{port}"]
    settings = {"CELERY_BROKER_URL": broker.url, "DJANGO_ALLOWED_HOSTS": embedded.HOST}
    web = embedded.Process(
        "web", embedded.python(*command), folder / "web.log", environment=settings
    )
    web.start()
    try:
        web.wait_until(lambda: _answers(port))
        yield port
    finally:
        web.stop()
        broker.stop()


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection((embedded.HOST, port), timeout=5):
        return True
    return False


def over_http(asked: list[bytes], port: int, secret: str) -> tuple[float, list[float]]:
    """Milliseconds of the first question, which loads the model, and of each after it."""
    connection = http.client.HTTPConnection(embedded.HOST, port, timeout=120)
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    times = []
    for body in [asked[0], *asked]:
        started = time.perf_counter()
        connection.request("POST", PATH, body, headers)
        response = connection.getresponse()
        content = response.read()
        times.append(1000 * (time.perf_counter() - started))
        if response.status != 200:
            raise SystemExit(f"the service answered {response.status}: {content.decode()}")
    return times[0], times[1:]


def main() -> None:
    """Measure and write."""
    with database("decisions") as (folder, _):
        from tests.factories import make_token, make_user

        made_on = report.environment(("torch", "numpy", "gunicorn"))
        asked = questions()
        model = in_the_model(asked)
        with served(folder) as port:
            first, rest = over_http(asked, port, make_token(make_user(), "automate"))
    figures = [
        figure("decision, median", statistics.median(model), "CPU ms", at_most=10),
        figure("decision, 95 % within", statistics.quantiles(model, n=20)[-1], "CPU ms"),
        figure("round trip over HTTP, median", statistics.median(rest), "ms"),
        figure("round trip over HTTP, 95 % within", statistics.quantiles(rest, n=20)[-1], "ms"),
        figure("first question of a process, which loads the model", first, "ms"),
        figure("questions", len(asked), "questions"),
        figure("bytes of a question, median", statistics.median(map(len, asked)), "bytes"),
    ]
    command = "make bench-decisions"
    sys.exit(not report.write("decisions", command=command, made_on=made_on, figures=figures))


if __name__ == "__main__":
    main()
