"""Identities: all that a result depends on, as canonical JSON and its hash.

* An :class:`Identity` holds everything that a result depends on and nothing else. Device, batch size, workers and
  paths live in :class:`offdiag.runtime.Runtime`, which is not an Identity and so cannot be hashed.
* Canonical JSON has sorted keys, no white space and only finite numbers. Anything that has no stable text (a
  function, a NaN, an object with a default repr) raises, because a hash of it would be stale or false one day.
* Every Identity is written with its tag, so that two types with the same fields never share a fingerprint.
"""

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, cached_property, lru_cache
from operator import attrgetter
from types import NoneType
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias, Union, cast

from pydantic import BaseModel, ConfigDict

from offdiag.errors import UserError

Json: TypeAlias = Union[bool, int, float, str, list["Json"], dict[str, "Json"], None]


if TYPE_CHECKING:
    kept = cached_property
else:

    class kept(cached_property):  # noqa: N801 (a decorator)
        """A ``cached_property`` without the lock that Python 3.11 takes each time; plans ask 100,000 times."""

        def __get__(self, instance: object, owner: type | None = None) -> Any:
            if instance is None:
                return self
            value = instance.__dict__[self.attrname] = self.func(instance)
            return value


class Canonical(dict[str, Json]):
    """The canonical form of an identity, whose text is made once for all that contain it."""

    @kept
    def text(self) -> str:
        """The form as canonical JSON."""
        return _object(self)


class Identity(BaseModel):
    """Base of all types that reach a fingerprint: frozen, unknown fields refused.

    ``tag`` names the type in the canonical form; it defaults to the class name and must stay the same when a class
    is renamed. Fields in ``added`` came after results had been stored: at their default they are left out of the
    canonical form, so that those results stay valid.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, ignored_types=(kept,))

    tag: ClassVar[str] = ""
    added: ClassVar[frozenset[str]] = frozenset()

    @kept
    def fingerprint(self) -> str:
        """SHA-256 of the canonical form, as 64 hexadecimal digits."""
        return _hashed(self.canonical_form.text)

    @kept
    def canonical_form(self) -> Canonical:
        """The result of :meth:`canonical`, computed once, since plans share thousands of parts."""
        return Canonical(self.canonical())

    @kept
    def field_values(self) -> tuple[Any, ...]:
        """The values of the fields, in their order; nothing that is computed from them."""
        return tuple([getattr(self, name) for name in _names(type(self))])

    @kept
    def nested(self) -> tuple["Identity", ...]:
        """The identities in the fields, in tuples, lists and mappings there too, but not those inside these."""
        return tuple(_identities(self.field_values))

    def __eq__(self, other: object) -> bool:
        """Compare fields; values cached beside them do not matter."""
        if self is other:
            return True
        if type(self) is not type(other):
            return NotImplemented
        return self.field_values == other.field_values

    def __hash__(self) -> int:
        return self._hash

    @kept
    def _hash(self) -> int:
        return hash((type(self), self.field_values))

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a validated copy with other fields; pydantic's own copy would keep cached values."""
        fields = dict(zip(_names(type(self)), self.field_values, strict=True))
        return type(self)(**{**fields, **(update or {})})

    def canonical(self) -> dict[str, Json]:
        """Return the fields as plain JSON values, with the type's tag under ``"@"``."""
        fields = dict(zip(_names(type(self)), self.field_values, strict=True))
        for name, default in _added_defaults(type(self)).items():
            if fields[name] == default:
                del fields[name]
        shown: dict[str, Json] = {"@": type(self).tag or type(self).__name__}
        for name, value in fields.items():
            shown[name] = value if type(value) in _PLAIN else to_json(value, name)
        return shown


@cache
def _names(cls: type[Identity]) -> tuple[str, ...]:
    """Return the names of the fields, cached per class, since plans ask 100,000 times."""
    return tuple(cls.model_fields)


@cache
def _added_defaults(cls: type[Identity]) -> dict[str, Any]:
    return {name: cls.model_fields[name].default for name in cls.added}


@cache
def _is_identity(cls: type) -> bool:
    """Return whether a class is one of identities; pydantic's own check of an instance is slow."""
    return issubclass(cls, Identity)


def _identities(values: Iterable[object]) -> Iterator[Identity]:
    for value in values:
        kind: Any = type(value)
        if kind in _PLAIN:
            continue
        if _is_identity(kind):
            yield cast(Identity, value)
        elif isinstance(value, tuple | list):
            yield from _identities(value)
        elif isinstance(value, Mapping):
            yield from _identities(value.values())


def to_json(value: object, where: str = "value") -> Json:
    """Return ``value`` as plain JSON values.

    Raises:
        UserError: the value has no canonical form; the message names the field (``where``).
    """
    kind: Any = type(value)
    if kind in _PLAIN:  # most are; a match takes three times as long, and plans ask 100,000 times
        return cast(Json, value)
    if _is_identity(kind):
        return cast(Identity, value).canonical_form
    match value:
        case int() | str():
            return value
        case float() if math.isfinite(value):
            return value
        case list() | tuple():
            return [x if type(x) in _PLAIN else to_json(x, f"{where}[{i}]") for i, x in enumerate(value)]
        case Mapping() if all(isinstance(key, str) for key in value):
            return {key: to_json(item, f"{where}.{key}") for key, item in sorted(value.items())}
    found = f"= {value} (float)" if isinstance(value, float) else f"({type(value).__name__})"
    raise UserError(
        f"{where} {found} cannot be part of an identity: "
        "use numbers that are finite, strings, booleans, None, tuples, string-keyed mappings or an Identity"
    )


def canonical_json(value: object) -> str:
    """Return the one JSON text of ``value``: sorted keys, no white space, ASCII only."""
    return _text(to_json(value))


def _text(value: Json) -> str:
    writer = _WRITERS.get(type(value))
    if writer is None:  # a subclass such as an enumeration's
        writer = next(writer for kind, writer in _WRITERS.items() if isinstance(value, kind))
    return writer(value)


def _object(value: dict[str, Json]) -> str:
    write = _WRITERS.get
    return "{" + ",".join([f"{_quoted(k)}:{write(type(v), _text)(v)}" for k, v in sorted(value.items())]) + "}"


_PLAIN = frozenset({str, int, bool, NoneType})
_quoted = lru_cache(maxsize=4096)(json.dumps)
_WRITERS: dict[type, Callable[[Any], str]] = {
    str: _quoted,
    Canonical: attrgetter("text"),
    dict: _object,
    list: lambda items: "[" + ",".join(map(_text, items)) + "]",
    NoneType: lambda _: "null",
    bool: lambda truth: "true" if truth else "false",
    float: float.__repr__,  # finite: to_json has seen to it
    int: int.__repr__,
}


def fingerprint(value: object) -> str:
    """Return the SHA-256 of the canonical JSON, as 64 hexadecimal digits."""
    return _hashed(canonical_json(value))


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()


class Difference(BaseModel):
    """One field in which two identities differ; an absent field is written as ``—``."""

    field: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.field}: {self.old} → {self.new}"


def differences(old: Json, new: Json) -> list[Difference]:
    """Return the leaves in which two canonical values differ, by dotted field name."""
    before, after = dict(_leaves(old)), dict(_leaves(new))
    changed = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return [Difference(field=n, old=before.get(n, "—"), new=after.get(n, "—")) for n in changed]


def _leaves(value: Any, where: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, f"{where}.{key}" if where else key)
    elif isinstance(value, list) and value:
        for i, item in enumerate(value):
            yield from _leaves(item, f"{where}[{i}]")
    else:
        yield where, json.dumps(value, ensure_ascii=False)
