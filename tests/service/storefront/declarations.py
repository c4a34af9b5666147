"""The shapes that TypeScript declarations and Python annotations describe, brought to one form to be compared."""

import re
import types
from collections.abc import Mapping
from typing import (
    Annotated,
    Any,
    Literal,
    TypeAlias,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

Shape: TypeAlias = frozenset[Any]
"""The alternatives of a type: ``string``, ``number``, ``boolean``, ``null``, ``"a literal"``, ``("array", shape)``
and ``("object", frozenset of (field, shape))``."""

_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_TOKEN = re.compile(r'"[^"]*"|[A-Za-z_]\w*|\S')
_PLAIN: Mapping[Any, str] = {
    Any: "unknown",
    str: "string",
    int: "number",
    float: "number",
    bool: "boolean",
    type(None): "null",
}


class Declarations:
    """Interfaces and type aliases of a ``.d.ts`` that holds unions, arrays, literals and objects."""

    def __init__(self, text: str) -> None:
        self._text = _COMMENT.sub("", text)
        self._tokens: list[str] = []

    def shape(self, name: str) -> Shape:
        """Return the shape of an interface or of an alias."""
        found = re.search(rf"\b(?:interface {name}\b|type {name} =)", self._text)
        assert found, f"the declarations have no {name}"
        waiting, self._tokens = self._tokens, _TOKEN.findall(self._text[found.end() :])[::-1]
        try:
            return self._union()
        finally:
            self._tokens = waiting

    def fields(self, name: str) -> dict[str, Shape]:
        """Return the fields of an interface, those that may be left out with a question mark."""
        ((_, fields),) = self.shape(name)
        return dict(fields)

    def _union(self) -> Shape:
        self._skip("|")
        alternatives = self._array()
        while self._skip("|"):
            alternatives |= self._array()
        return alternatives

    def _array(self) -> Shape:
        shape = self._one()
        while self._skip("["):
            assert self._skip("]")
            shape = frozenset({("array", shape)})
        return shape

    def _one(self) -> Shape:
        word = self._tokens.pop()
        if word == "{":
            return frozenset({("object", self._fields())})
        if word == "(":
            shape = self._union()
            assert self._skip(")")
            return shape
        if word[0] == '"' or word in {*_PLAIN.values(), "unknown", "true"}:
            return frozenset({word})
        return self.shape(word)

    def _fields(self) -> frozenset[tuple[str, Shape]]:
        fields: list[tuple[str, Shape]] = []
        while not self._skip("}"):
            name = self._tokens.pop()
            if name == "[":
                while self._tokens.pop() != "]":
                    pass
                name = "[…]"
            name += "?" if self._skip("?") else ""
            assert self._skip(":"), f"{name}: only fields are understood"
            fields.append((name, self._union()))
            self._skip(";")
        return frozenset(fields)

    def _skip(self, word: str) -> bool:
        if not self._tokens or self._tokens[-1] != word:
            return False
        self._tokens.pop()
        return True


def shape_of(annotation: Any) -> Shape:
    """Return the shape of an annotation: plain types, literals, unions, lists and dictionaries, typed or by text."""
    origin = get_origin(annotation)
    if annotation in _PLAIN:
        return frozenset({_PLAIN[annotation]})
    if origin is Annotated:
        return shape_of(get_args(annotation)[0])
    if origin is Literal:
        return frozenset(f'"{word}"' for word in get_args(annotation))
    if origin in {Union, types.UnionType}:
        return frozenset().union(*map(shape_of, get_args(annotation)))
    if origin in {list, dict}:
        values = shape_of(get_args(annotation)[-1])
        return frozenset({("array", values) if origin is list else ("object", frozenset({("[…]", values)}))})
    assert is_typeddict(annotation), annotation
    return frozenset({("object", frozenset(fields_of(annotation).items()))})


def fields_of(typed_dict: Any) -> dict[str, Shape]:
    """Return the fields of a typed dictionary."""
    return {name: shape_of(hint) for name, hint in get_type_hints(typed_dict).items()}
