"""Mutants of a Solidity source: small faults, one at a time, that tests should notice.

Operators work on the compiler's syntax tree, so that comments and strings are left alone:
conditions fixed, relations and arithmetic swapped, statements, modifiers and events taken out,
constants changed, the same for inline assembly.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Node = dict[str, Any]
# Operator, first byte, byte after the last, what comes there instead.
Edit = tuple[str, int, int, str]

SWAPS = {
    "<": "<=",
    "<=": "<",
    ">": ">=",
    ">=": ">",
    "==": "!=",
    "!=": "==",
    "+": "-",
    "-": "+",
    "*": "/",
    "/": "*",
    ">>": "<<",
    "<<": ">>",
    "&": "|",
    "|": "&",
}
YUL_SWAPS = {
    "add": "sub",
    "sub": "add",
    "shl": "shr",
    "shr": "shl",
    "gt": "lt",
    "lt": "gt",
    "and": "or",
    "xor": "or",
    "eq": "lt",
}
# Statements to take out; the first ones' places end before their semicolon.
WITH_SEMICOLON = {"ExpressionStatement", "EmitStatement", "Return"}
DELETED = {*WITH_SEMICOLON, "TryStatement", "YulExpressionStatement", "YulAssignment"}


@dataclass(frozen=True)
class Mutant:
    """One fault: `before` at byte `start` of `unit` (relative to contracts/) becomes `after`."""

    unit: str
    line: int
    operator: str
    start: int
    before: str
    after: str

    def apply(self, source: bytes) -> bytes:
        """The source with the fault."""
        end = self.start + len(self.before.encode())
        return source[: self.start] + self.after.encode() + source[end:]

    def key(self, source: bytes) -> str:
        """The same for the same fault in the same source."""
        return hashlib.sha256(self.unit.encode() + self.apply(source)).hexdigest()[:16]


def mutants(unit: str, source: bytes, tree: Node) -> list[Mutant]:
    """Every mutant of a source unit by its syntax tree, in the order of the source."""
    found: dict[bytes, Mutant] = {}
    for operator, start, end, after in _edits(tree, source):
        line = source.count(b"\n", 0, start) + 1
        mutant = Mutant(unit, line, operator, start, source[start:end].decode(), after)
        found.setdefault(mutant.apply(source), mutant)
    found.pop(source, None)
    return sorted(found.values(), key=lambda each: (each.start, each.operator, each.after))


def _span(node: Node) -> tuple[int, int]:
    start, length, _ = (int(part) for part in node["src"].split(":"))
    return start, start + length


def _children(node: Node) -> Iterator[Node]:
    for value in node.values():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict) and "nodeType" in each:
                yield each


def _edits(node: Node, source: bytes) -> Iterator[Edit]:
    """Edits of the node and of all below it."""
    kind = node["nodeType"]
    if kind in DELETED:
        yield from _deleted(node, source)
    elif kind in {"IfStatement", "Conditional", "WhileStatement"}:
        yield from _condition(node)
    elif kind == "BinaryOperation":
        yield from _binary(node, source)
    elif kind == "Assignment" and node["operator"] != "=":
        yield from _compound(node)
    elif kind in {"Literal", "YulLiteral"}:
        yield from _constant(node)
    elif kind == "YulFunctionCall" and node["functionName"]["name"] in YUL_SWAPS:
        name = node["functionName"]
        yield "operator", *_span(name), YUL_SWAPS[name["name"]]
    elif kind == "FunctionDefinition" and node["kind"] != "constructor":
        yield from (("modifier", *_span(each), "") for each in node["modifiers"])
    for child in _children(node):
        yield from _edits(child, source)


def _deleted(node: Node, source: bytes) -> Iterator[Edit]:
    start, end = _span(node)
    if node["nodeType"] not in WITH_SEMICOLON:
        yield "delete", start, end, "{}"
    elif source[end : end + 1] == b";":
        yield "delete", start, end + 1, "{}"


def _condition(node: Node) -> Iterator[Edit]:
    """Never, and always; the latter not for `if (…) revert`, where it makes every call fail."""
    where = _span(node["condition"])
    yield "condition", *where, "false"
    if node["nodeType"] != "WhileStatement" and not _reverts(node.get("trueBody")):
        yield "condition", *where, "true"


def _reverts(body: Node | None) -> bool:
    statements = (body or {}).get("statements", [body])
    return len(statements) == 1 and (statements[0] or {}).get("nodeType") == "RevertStatement"


def _binary(node: Node, source: bytes) -> Iterator[Edit]:
    (start, left), (right, end) = _span(node["leftExpression"]), _span(node["rightExpression"])
    operator = node["operator"]
    if operator in {"&&", "||"}:
        yield "operand", start, end, source[start:left].decode()
        yield "operand", start, end, source[right:end].decode()
    elif operator in SWAPS:
        at = left + source[left:right].index(operator.encode())
        yield "operator", at, at + len(operator), SWAPS[operator]


def _compound(node: Node) -> Iterator[Edit]:
    """`a += b` becomes `a = b`."""
    (_, left), (right, _) = _span(node["leftHandSide"]), _span(node["rightHandSide"])
    yield "assignment", left, right, " = "


def _constant(node: Node) -> Iterator[Edit]:
    start, end = _span(node)
    if node["kind"] == "bool":
        yield "constant", start, end, "false" if node["value"] == "true" else "true"
    elif node["kind"] == "number":
        value = node["value"]
        yield "constant", start, start + len(value), str(int(value.replace("_", ""), 0) + 1)
