"""Finding one's way in the DOM trees of public MiniWoB++ demonstrations."""

from collections.abc import Iterator

from lam_core.miniwob_dom import Node

Box = tuple[int, int, int, int]


def nodes_of(dom: Node) -> Iterator[Node]:
    """Every node of a DOM."""
    waiting = [dom]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(node.get("children", ()))


def target_of(dom: Node) -> Node | None:
    """The node an event was sent to."""
    return next((node for node in nodes_of(dom) if node.get("recordingTarget")), None)


def focus_of(dom: Node) -> Node | None:
    """The node that has the keyboard, unless it is the page itself."""
    for node in nodes_of(dom):
        if node.get("focused"):
            return node if node["tag"] != "BODY" else None
    return None


def place_on(box: Box, node: Node, x: int, y: int) -> tuple[int, int]:
    """The point of `box` that corresponds to the point (x, y) of `node`.

    The same element may stand elsewhere, or be larger, at the event than in the observation.
    """
    left, top, width, height = box
    return (
        left + _scaled(x - node["left"], node["width"], width),
        top + _scaled(y - node["top"], node["height"], height),
    )


def _scaled(distance: float, actual: float, wanted: int) -> int:
    if actual < 1 or abs(actual - wanted) <= 1:
        return round(distance)
    return round(distance * wanted / actual)


def moved_as_one(before: Node, now: Node) -> tuple[int | None, int] | None:
    """The element whose children all moved up by the same distance while it stayed, with both.

    That is what scrolling does and layout does not. None stands for the page itself.
    """
    if before["top"] != now["top"]:
        return None, round(before["top"] - now["top"])
    known = {node["ref"]: node for node in nodes_of(before)}
    for node in nodes_of(now):
        old = known.get(node["ref"])
        if old is None or old["top"] != node["top"] or old["height"] != node["height"]:
            continue
        children = [child for child in node.get("children", ()) if child["ref"] in known]
        moves = {round(known[child["ref"]]["top"] - child["top"]) for child in children}
        if len(moves) == 1 and 0 not in moves:
            return node["ref"], moves.pop()
    return None


def scrolled_since(before: Node, now: Node, reference: int) -> int | None:
    """How far up all children of an element have moved between two moments.

    None when the element or its children are others, or they moved differently.
    """
    old = next((node for node in nodes_of(before) if node["ref"] == reference), None)
    new = next((node for node in nodes_of(now) if node["ref"] == reference), None)
    if old is None or new is None or old["top"] != new["top"]:
        return None
    tops = {child["ref"]: child["top"] for child in old.get("children", ())}
    children = new.get("children", ())
    if not children or tops.keys() != {child["ref"] for child in children}:
        return None
    moves = {round(tops[child["ref"]] - child["top"]) for child in children}
    return moves.pop() if len(moves) == 1 else None
