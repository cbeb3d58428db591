"""Keyboard events of the public demonstrations: which keys entered text, which did something."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from lam_core.steps import KeyKind, NamedKey

_KINDS = {
    8: KeyKind.BACKSPACE,
    9: KeyKind.TAB,
    13: KeyKind.ENTER,
    16: KeyKind.MODIFIER,
    17: KeyKind.MODIFIER,
    18: KeyKind.MODIFIER,
    20: KeyKind.MODIFIER,
    27: KeyKind.ESCAPE,
    33: KeyKind.PAGE,
    34: KeyKind.PAGE,
    35: KeyKind.PAGE,
    36: KeyKind.PAGE,
    37: KeyKind.ARROW,
    38: KeyKind.ARROW,
    39: KeyKind.ARROW,
    40: KeyKind.ARROW,
    46: KeyKind.DELETE,
    91: KeyKind.MODIFIER,
    92: KeyKind.MODIFIER,
    93: KeyKind.MODIFIER,
    224: KeyKind.MODIFIER,
}
_NAMES = {
    8: NamedKey.BACKSPACE,
    9: NamedKey.TAB,
    13: NamedKey.ENTER,
    27: NamedKey.ESCAPE,
    32: NamedKey.SPACE,
    33: NamedKey.PAGE_UP,
    34: NamedKey.PAGE_DOWN,
    35: NamedKey.END,
    36: NamedKey.HOME,
    37: NamedKey.ARROW_LEFT,
    38: NamedKey.ARROW_UP,
    39: NamedKey.ARROW_RIGHT,
    40: NamedKey.ARROW_DOWN,
    46: NamedKey.DELETE,
}
_COMMAND_KEYS = frozenset({17, 91, 92, 93, 224})
_FUNCTION_KEYS = range(112, 124)
_UP_DOWN = frozenset({38, 40})
_STEPPED_FIELDS = frozenset({"date", "time", "number"})
"""Fields in which the arrow keys change the value."""


def kind_of(code: int, held: set[int]) -> KeyKind:
    """The kind of a key by its legacy `keyCode`, given the keys held down."""
    if code in _KINDS:
        return _KINDS[code]
    if code in _FUNCTION_KEYS:
        return KeyKind.OTHER
    return KeyKind.SHORTCUT if held & _COMMAND_KEYS else KeyKind.CHARACTER


@dataclass(slots=True)
class KeyPress:
    """A key going down and up. Code and character serve the importer only and are not kept."""

    kind: KeyKind
    code: int
    down: int
    up: int | None = None
    character: str = ""


@dataclass(slots=True)
class Run:
    """Keys that belong to one step: entering text when `name` is None."""

    name: NamedKey | None
    keys: list[KeyPress]


@dataclass(slots=True)
class KeyGroup:
    """Consecutive keys while one element had the focus, beginning with the event `state`."""

    state: int
    reference: int | None
    field_kind: str
    keys: list[KeyPress] = field(default_factory=list)
    _held: set[int] = field(default_factory=set)

    def press(self, at: int, code: int) -> None:
        """A key went down; a held key repeats this without coming up."""
        self.keys.append(KeyPress(kind_of(code, self._held), code, at))
        self._held.add(code)

    def character(self, code: int) -> None:
        """The character the last key produced."""
        if self.keys and code >= 32:
            self.keys[-1].character = chr(code)

    def release(self, at: int, code: int) -> None:
        """A key came up; keys that went down before this group are not ours."""
        self._held.discard(code)
        for key in reversed(self.keys):
            if key.code == code and key.up is None:
                key.up = at
                return

    def runs(self, text_fields: frozenset[str]) -> Iterator[Run]:
        """The keys cut into steps; keys that do nothing are dropped."""
        run: Run | None = None
        for position, key in enumerate(self.keys):
            name = (
                self._name(key, position) if self.field_kind in text_fields else _outside_name(key)
            )
            if key.kind is KeyKind.MODIFIER:
                # Belongs to whatever comes next; alone it does nothing.
                if run and run.name is None:
                    run.keys.append(key)
                continue
            if key.kind in _IGNORED or (name is None and self.field_kind not in text_fields):
                continue
            if run and run.name == name:
                run.keys.append(key)
                continue
            if run:
                yield run
            run = Run(name, [key])
        if run:
            yield run

    def typed(self, keys: list[KeyPress]) -> str:
        """What the keys wrote, where the field does not show it."""
        text = ""
        for key in keys:
            text = text[:-1] if key.kind is KeyKind.BACKSPACE else text + key.character
        return text

    def _name(self, key: KeyPress, position: int) -> NamedKey | None:
        """The name of a key that leaves the text alone; None when it edits the text."""
        if key.kind is KeyKind.TAB:
            later = (k.kind for k in self.keys[position + 1 :])
            moves_inside = any(kind not in _IDLE for kind in later)
            return None if moves_inside else NamedKey.TAB
        if key.kind is KeyKind.ENTER:
            return None if self.field_kind == "textarea" else NamedKey.ENTER
        if key.kind is KeyKind.ESCAPE:
            return NamedKey.ESCAPE
        if key.code in _UP_DOWN and self.field_kind not in _STEPPED_FIELDS:
            return _NAMES[key.code]
        return None


_IGNORED = (KeyKind.OTHER,)
_IDLE = (KeyKind.MODIFIER, KeyKind.TAB)


def _outside_name(key: KeyPress) -> NamedKey | None:
    """Outside of text fields only keys with a name do anything."""
    return _NAMES.get(key.code) if key.kind is not KeyKind.SHORTCUT else NamedKey.SHORTCUT
