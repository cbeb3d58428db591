"""`make run` and `make demo`: one foreground supervisor with everything up.

Starts PostgreSQL, broker and node (each unless a variable names another), prepares them, then runs
web server, worker, scheduler and chain process. Ctrl-C stops in reverse order. When one of them
dies, all stop and the message says which; the next run goes on where this one was.
"""

import argparse
import fcntl
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO, Protocol
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import django
from rich.console import Console
from rich.table import Table

from config import embedded, environment
from config.genesis import RELEASE, SAMPLES_RELEASE
from contributions import recordings
from lam_core import samples

DEFAULT_PORT = 8000
POLL_SECONDS = 0.3
console = Console(stderr=True)


class Service(Protocol):
    """What the supervisor needs of a service."""

    process: embedded.Process | None

    def start(self) -> None:
        """Start and wait until it answers."""

    def stop(self) -> None:
        """Stop."""


@dataclass
class Supervisor:
    """The services and processes that are up, in the order of their start."""

    data: Path
    port: int
    release: str
    node: embedded.Anvil | None = None
    running: list[embedded.Process] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    stack: ExitStack = field(default_factory=ExitStack)
    stopping: threading.Event = field(default_factory=threading.Event)

    def up(self) -> None:
        """Start everything. Raises ServiceError naming what could not be."""
        self._start_services()
        self._write_services()
        self._prepare()
        self._write_services()
        self._start_processes()

    def down(self) -> None:
        """Stop everything in reverse order."""
        self.stack.close()

    def dead(self) -> embedded.Process | None:
        """A process that ended though nobody asked it to."""
        return next((p for p in self.running if p.exit_status() is not None), None)

    # ------------------------------------------------------------------------------- services

    def _start_services(self) -> None:
        if "DATABASE_URL" not in os.environ:
            postgres = embedded.Postgres(self.data / "postgres", embedded.free_port())
            self._start(postgres, "PostgreSQL")
            self.values["DATABASE_URL"] = postgres.url()
            self.values["DATABASE_OWNER_URL"] = postgres.url(embedded.OWNER_ROLE)
        if "CELERY_BROKER_URL" not in os.environ:
            broker = embedded.Broker(self.data / "broker", embedded.free_port())
            self._start(broker, "the broker")
            self.values["CELERY_BROKER_URL"] = broker.url
        if "ETH_RPC_URL" not in os.environ:
            root = environment.BASE_DIR
            self.node = embedded.Anvil(self.data / "anvil", embedded.free_port(), root)
            self._start(self.node, "the EVM node")
            self.values["ETH_RPC_URL"] = self.node.url

    def _start(self, service: Service, name: str) -> None:
        with console.status(f"Starting {name}"):
            service.start()
        self.stack.callback(service.stop)
        if service.process:
            self.running.append(service.process)

    def _write_services(self) -> None:
        """Tell other commands where everything is; private, as it holds passwords."""
        self.values["LAM_SITE_URL"] = os.environ.get(
            "LAM_SITE_URL", f"http://{embedded.HOST}:{self.port}"
        )
        path = environment.services_file()
        partial = path.with_suffix(".new")
        content = {
            "environment": self.values,
            "pids": {p.name: p.child.pid for p in self.running if p.child},
        }
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(content, file, indent=2)
        partial.replace(path)
        self.stack.callback(path.unlink, missing_ok=True)

    # ---------------------------------------------------------------------------- preparation

    def _prepare(self) -> None:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
        django.setup()
        logging.getLogger().setLevel(logging.WARNING)
        # Imported here because it reads models: Django must be set up first.
        from config import development

        with console.status("Preparing database, keys and contracts"):
            development.migrate()
            addresses = development.make_keys()
            if "ETH_RPC_URL" in self.values:
                url = self.values["ETH_RPC_URL"]
                development.fund_embedded(url, addresses)
                development.deploy_contracts(url, addresses, release=self.release)
            development.make_auditor()
        if self.node:
            self.node.mine_by_the_clock()
        self.values["LAM_OPERATOR_ADDRESSES"] = addresses["operator"]
        self.values["LAM_ALLOW_SAMPLES"] = "1"

    # ------------------------------------------------------------------------------ processes

    def _start_processes(self) -> None:
        manage = [str(environment.BASE_DIR / "manage.py")]
        gunicorn = ["-m", "gunicorn", "--config", "python:config.gunicorn", "config.wsgi"]
        celery = ["-m", "celery", "-A", "config", "--quiet"]
        quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        schedule = ["--schedule", str(self.data / "celerybeat")]
        commands = {
            "chain": embedded.python(*manage, "chain_sync"),
            "web": embedded.python(*gunicorn, "--bind", f"{embedded.HOST}:{self.port}"),
            "worker": embedded.python(*celery, "worker", "--concurrency", "2", *quiet),
            "scheduler": embedded.python(*celery, "beat", "--pidfile=", *schedule),
        }
        for name, command in commands.items():
            process = embedded.Process(name, command, self.data / "logs" / f"{name}.log")
            process.start()
            self.stack.callback(process.stop)
            self.running.append(process)
        self._write_services()
        web = self.running[-3]
        with console.status("Waiting for the web server"):
            web.wait_until(self._answers)

    def _answers(self) -> bool:
        # Without its services the web server never answers, which is not its fault.
        if dead := self.dead():
            raise embedded.ServiceError(_last_words(dead))
        try:
            with urlopen(f"http://{embedded.HOST}:{self.port}/healthz", timeout=5):
                return True
        except (HTTPError, URLError, OSError):
            return False

    # -------------------------------------------------------------------------------- waiting

    def wait(self, child: subprocess.Popen[bytes] | None = None) -> int:
        """Until told to stop, a process dies, or `child` ends; returns an exit status."""
        while not self.stopping.wait(POLL_SECONDS):
            if self.node:
                self.node.keep_state()
            if dead := self.dead():
                console.print(_last_words(dead), style="red", markup=False)
                console.print("Everything stops. Run again: it goes on where it was.")
                self._end(child)
                return 1
            if child is not None and child.poll() is not None:
                return int(child.returncode)
        self._end(child)
        return 0

    def _end(self, child: subprocess.Popen[bytes] | None) -> None:
        if child is not None and child.poll() is None:
            child.terminate()
            child.wait()


def _last_words(process: embedded.Process) -> str:
    """Which process ended, and the end of its log."""
    tail = "\n".join(process.log.read_text(errors="replace").splitlines()[-10:])
    return f"{process.name} ended ({process.log}):\n{tail}"


def hold_lock(data: Path) -> IO[str]:
    """Let no second supervisor work on the same data. Raises ServiceError."""
    data.mkdir(parents=True, exist_ok=True)
    lock = (data / "run.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise embedded.ServiceError(f"already running on {data}: stop that one first") from None
    return lock


def reset(data: Path) -> None:
    """Start over: everything of this installation goes, except the lock held."""
    for path in data.iterdir():
        if path.name != "run.lock":
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def choose_port(wanted: int | None) -> int:
    """The port asked for, else the default one, else any that is free."""
    if wanted is not None:
        return wanted
    with socket.socket() as probe:
        # As a server would bind: a closed connection of an earlier run does not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((embedded.HOST, DEFAULT_PORT))
        except OSError:
            return embedded.free_port()
    return DEFAULT_PORT


def announce(supervisor: Supervisor) -> None:
    """Where everything is."""
    table = Table(show_header=False, box=None, padding=(0, 2))
    site = supervisor.values["LAM_SITE_URL"]
    table.add_row("Site", site)
    table.add_row("API", f"{site}/api/v1/openapi.json")
    password = supervisor.data / "secrets" / "auditor"
    table.add_row("Audit", f"{site}/admin/  (auditor, password in {password})")
    if "ETH_RPC_URL" in supervisor.values:
        table.add_row("Node", supervisor.values["ETH_RPC_URL"])
    table.add_row("Logs", str(supervisor.data / "logs"))
    console.print(table)


def find_recordings(given: Path | None, data: Path) -> tuple[Path, bool]:
    """A folder and whether it holds samples: the one given, the public data set, or our samples."""
    if given:
        return given.resolve(), False
    with console.status("Looking for the public recordings"):
        try:
            return recordings.fetch(
                repository=os.environ.get("LAM_RECORDINGS_REPOSITORY", recordings.REPOSITORY),
                folder=os.environ.get("LAM_RECORDINGS_FOLDER", recordings.FOLDER),
                destination=data / "recordings",
            ), False
        except recordings.FetchError as error:
            console.print(f"The public recordings cannot be had: {error}", highlight=False)
    console.print("[yellow]Using the project's own samples, made with scripted input.[/yellow]")
    return samples.FOLDER, True


def start_demo(arguments: list[str]) -> subprocess.Popen[bytes]:
    """The loop as a client of what is up; in a session of its own, so that Ctrl-C is ours."""
    command = [sys.executable, str(environment.BASE_DIR / "manage.py"), "demo", *arguments]
    return subprocess.Popen(command, start_new_session=True)


def parse() -> tuple[argparse.Namespace, list[str]]:
    """Command line; what is not known here goes to the demo."""
    parser = argparse.ArgumentParser(prog="python -m config.run", description=__doc__)
    parser.add_argument("--demo", action="store_true", help="run the loop, then stay up")
    parser.add_argument("--exit", action="store_true", help="with --demo: end after the loop")
    parser.add_argument("--reset", action="store_true", help="delete all data and start over")
    parser.add_argument("--port", type=int, help=f"of the site (default: {DEFAULT_PORT})")
    parser.add_argument("--recordings", type=Path, help="BATCH/TASK/NAME.json.gz; else fetched")
    options, rest = parser.parse_known_args()
    if (rest or options.recordings) and not options.demo:
        parser.error(f"only with --demo: {' '.join(rest) or '--recordings'}")
    if options.recordings and not options.recordings.is_dir():
        parser.error(f"--recordings: there is no folder {options.recordings}")
    return options, rest


def serve(options: argparse.Namespace, demo_arguments: list[str]) -> int:
    """Everything up, the demo if wanted, then wait; returns the exit status."""
    data = environment.data_dir()
    lock = hold_lock(data)
    with lock:
        if options.reset:
            reset(data)
        release = RELEASE
        if options.demo:
            folder, are_samples = find_recordings(options.recordings, data)
            demo_arguments += ["--recordings", str(folder)] + ["--samples"] * are_samples
            release = SAMPLES_RELEASE if are_samples else RELEASE
        supervisor = Supervisor(data, choose_port(options.port), release)

        def stop(number: int, frame: FrameType | None) -> None:
            supervisor.stopping.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        try:
            supervisor.up()
            announce(supervisor)
            status = 0
            if options.demo:
                status = supervisor.wait(start_demo(demo_arguments))
                if options.exit or supervisor.stopping.is_set() or supervisor.dead():
                    return status
                announce(supervisor)
            console.print("Ctrl-C stops everything.")
            return supervisor.wait() or status
        finally:
            with console.status("Stopping"):
                supervisor.down()


def main() -> int:
    """Run; errors of services are one line, not a traceback."""
    options, rest = parse()
    try:
        return serve(options, rest)
    except embedded.ServiceError as error:
        console.print(str(error), style="red", markup=False, highlight=False)
        return 1


if __name__ == "__main__":
    sys.exit(main())
