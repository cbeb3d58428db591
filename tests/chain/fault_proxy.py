"""A proxy in front of a node that fails and lies as dice say: real HTTP, real resets.

Each request has the chance `rate` of one fault: of the connection (a reset before or after the node
has done its work, a stall, an answer cut short, no JSON, an error), of the batch (an answer left
out, doubled, in another order), of the chain (a reorg just before the answer), or a lie: what the
node answered, changed in one place.
"""

import contextlib
import copy
import json
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

STALL_SECONDS = 0.6  # Longer than clients of these tests wait.
FORGED = "0x" + "12" * 32

Lie = Callable[[Any, random.Random], Any]
Logs = list[dict[str, Any]]


def replaced(**fields: Any) -> Lie:
    """An object with other fields."""
    return lambda result, dice: result and {**result, **fields}


def nothing(result: Any, dice: random.Random) -> None:
    """As if the node did not have it."""


def one_log_changed(change: Callable[[Logs, int], None]) -> Lie:
    """A change to the list that holds one log of the answer (logs, or receipts with logs)."""

    def lie(result: Any, dice: random.Random) -> Any:
        receipts = [each["logs"] for each in result or [] if "logs" in each]
        lists = [each for each in receipts or [result] if each]
        if lists:
            chosen = dice.choice(lists)
            change(chosen, dice.randrange(len(chosen)))
        return result

    return lie


def _drop(logs: Logs, place: int) -> None:
    del logs[place]


def _double(logs: Logs, place: int) -> None:
    logs.append(copy.deepcopy(logs[place]))


def _other_data(logs: Logs, place: int) -> None:
    logs[place]["data"] = "0x" + "77" * 32


def _other_place(logs: Logs, place: int) -> None:
    logs[place] |= {"logIndex": "0x63", "blockNumber": "0x1", "blockHash": FORGED}


def _shuffled(result: Any, dice: random.Random) -> Any:
    return dice.sample(result, len(result)) if result else result


def _less(result: str, dice: random.Random) -> str:
    return hex(max(0, int(result, 16) - dice.randint(1, 3)))


def _more(result: str, dice: random.Random) -> str:
    return hex(int(result, 16) + dice.randint(1, 3))


def _another_block(block: str, dice: random.Random) -> str:
    """A later one than was asked for, or an earlier head."""
    if block.startswith("0x"):
        return hex(int(block, 16) + dice.randint(1, 2))
    return "finalized"


ANY_LIES: dict[str, Lie] = {"another type": lambda result, dice: 42}
LOG_LIES: dict[str, Lie] = {
    "log left out": one_log_changed(_drop),
    "log doubled": one_log_changed(_double),
    "log with other data": one_log_changed(_other_data),
    "log of another place": one_log_changed(_other_place),
    "out of order": _shuffled,
    "nothing there": lambda result, dice: [],
}
LIES: dict[str, dict[str, Lie]] = {
    "eth_getBlockByNumber": {
        "block left out": nothing,
        "wrong hash": replaced(hash=FORGED),
        "wrong parent": replaced(parentHash=FORGED),
        "wrong time": replaced(timestamp="0x7"),
        "empty bloom": replaced(logsBloom="0x" + "00" * 256),
        "wrong receipts root": replaced(receiptsRoot=FORGED),
        "no number": replaced(number=None),
    },
    "eth_getBlockReceipts": LOG_LIES,
    "eth_getLogs": LOG_LIES,
    "eth_getTransactionReceipt": {"receipt forgotten": nothing},
    "eth_getTransactionByHash": {"transaction forgotten": nothing},
    "eth_getTransactionCount": {"nonce of before": _less, "nonce to come": _more},
    "eth_chainId": {"another chain": lambda result, dice: "0x5"},
}
CONNECTION = ["reset", "reset after", "stall", "cut short", "no JSON", "5xx", "rpc error", "shape"]
BATCH = ["answer left out", "answers doubled", "answers in another order"]


class FaultProxy:
    """The proxy; `url` is where it listens, `done` counts the faults that were made.

    `always` is a lie that is told whenever its method is asked.
    """

    def __init__(
        self, node: str, dice: random.Random, *, rate: float = 0.0, always: str = ""
    ) -> None:
        self.node = urlsplit(node)
        self.dice = dice
        self.rate = rate
        self.always = always
        self.done: Counter[str] = Counter()
        proxy = self

        class Handler(_Handler):
            faults = proxy

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "FaultProxy":
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def choose(self, calls: list[dict[str, Any]], *, batch: bool) -> str:
        """The fault of this request; none as a rule. Each that is possible is as likely."""
        methods = {call["method"] for call in calls}
        if self.always.partition(":")[0] in methods:
            self.done[self.always] += 1
            return self.always
        # Few requests are for logs, and nothing else can be lied about so well.
        rate = self.rate * (4 if methods & {"eth_getLogs", "eth_getBlockReceipts"} else 1)
        if self.dice.random() >= rate:
            return ""
        possible = [*CONNECTION, *(BATCH if batch else [])]
        possible += [
            f"{method}: {lie}" for method in sorted(methods) for lie in LIES.get(method, ())
        ]
        if "eth_getBlockByNumber" in methods:
            # Between two requests of one round, too, the chain may change.
            possible += ["another block", "reorg", "reorg"]
        if "eth_sendRawTransaction" in methods:
            possible += ["not passed on", "passed on twice"]
        fault = self.dice.choice(possible)
        self.done[fault] += 1
        return fault

    def ask(self, body: Any) -> Any:
        """What the node itself says."""
        node = HTTPConnection(self.node.hostname or "", self.node.port, timeout=30)
        with contextlib.closing(node):
            node.request("POST", "/", json.dumps(body), {"Content-Type": "application/json"})
            return json.loads(node.getresponse().read())


class _Handler(BaseHTTPRequestHandler):
    faults: FaultProxy
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        """Nothing; the tests print what they need."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        calls = body if isinstance(body, list) else [body]
        fault = self.faults.choose(calls, batch=isinstance(body, list))
        with contextlib.suppress(ConnectionError):
            self._answer(body, fault)

    def _answer(self, body: Any, fault: str) -> None:
        if fault == "reset":
            return self._reset()
        if fault == "no JSON":
            return self._write(200, b"<html>Bad gateway</html>")
        if fault == "5xx":
            return self._write(503, b"upstream connect error")
        if fault == "rpc error":
            error = {"code": -32603, "message": "internal error"}
            return self._write(200, _encoded({"jsonrpc": "2.0", "id": 1, "error": error}))
        if fault == "shape":
            return self._write(200, b"[42, null, {}]")
        answer = _encoded(self._lied(body, fault))
        if fault == "stall":
            time.sleep(STALL_SECONDS)
        if fault == "reset after":
            return self._reset()
        return self._write(200, answer, cut=fault == "cut short")

    def _lied(self, body: Any, fault: str) -> Any:
        """The node's answer, changed where the fault is one of those."""
        dice = self.faults.dice
        if fault == "not passed on":
            return {"jsonrpc": "2.0", "id": body["id"], "result": FORGED}
        if fault == "another block":
            asked = copy.deepcopy(body)
            call = dice.choice(list(_calls_of(asked, "eth_getBlockByNumber")))
            call["params"][0] = _another_block(call["params"][0], dice)
            return self.faults.ask(asked)
        if fault == "reorg":
            reorg = {"method": "anvil_reorg", "params": [dice.randint(1, 2), []]}
            self.faults.ask({"jsonrpc": "2.0", "id": 0, **reorg})
        answer = self.faults.ask(body)
        if fault == "passed on twice":
            answer = self.faults.ask(body)
        if fault in BATCH:
            return _batch_fault(answer, fault, dice)
        method, _, lie = fault.partition(": ")
        if lie:
            _lie(body, answer, method, {**ANY_LIES, **LIES.get(method, {})}[lie], dice)
        return answer

    def _reset(self) -> None:
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True
        self.connection.close()

    def _write(self, status: int, answer: bytes, *, cut: bool = False) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer[: len(answer) // 2] if cut else answer)
        self.close_connection = cut


def _encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


def _calls_of(body: Any, method: str) -> Iterator[dict[str, Any]]:
    calls = body if isinstance(body, list) else [body]
    return (call for call in calls if call["method"] == method)


def _batch_fault(answers: list[Any], fault: str, dice: random.Random) -> list[Any]:
    if fault == "answers in another order":
        return dice.sample(answers, len(answers))
    place = dice.randrange(len(answers))
    kept = [each for number, each in enumerate(answers) if number != place]
    return kept if fault == "answer left out" else [answers[place], *answers]


def _lie(body: Any, answer: Any, method: str, lie: Lie, dice: random.Random) -> None:
    """Change the answer to one call of the method."""
    asked = dice.choice([call["id"] for call in _calls_of(body, method)])
    for each in answer if isinstance(answer, list) else [answer]:
        if each.get("id") == asked and "result" in each:
            each["result"] = lie(each["result"], dice)
