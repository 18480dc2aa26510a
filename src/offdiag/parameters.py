"""Parameters of a study, set by values from Python or by text: ``--set name=value``."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import to_jsonable_python

from offdiag.errors import UserError, complaints, did_you_mean
from offdiag.models.chat_settings import AS_THE_TEMPLATE, ChatSettings, Thinking
from offdiag.models.spec import ModelSpec

M = TypeVar("M", bound=BaseModel)
# An absolute path of two parts or more inside a text, or one below a person's home; no part of a web address.
_PLACE = re.compile(r"""(?<![\w.~/\\-])(?:~[\w.-]*|/[^\s/'"`,;:()]+|[A-Za-z]:)(?:[/\\][^\s/\\'"`,;:()]+)+""")


class StudyParams(BaseModel):
    """Base of a study's parameters: frozen, unknown names refused; ``--set`` overrides a field.

    A parameter ``data_dir`` says where the study's data lie (see :mod:`offdiag.tasks.data`): its plan is made and run
    with data from there, and the function of the study has nothing to do for it.

    Attributes:
        thinking, chat: settings of the chat templates of all models among the parameters, for whatever they are asked
            and taught; ``--set thinking=off``, ``--set chat.variables=reasoning_effort=low``. A model that has settings
            of its own keeps them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)
    thinking: Thinking = "template"
    chat: ChatSettings = AS_THE_TEMPLATE

    @model_validator(mode="after")
    def _thinks_in_one_way(self) -> Self:
        if self.thinking != "template" and self.chat.thinking not in ("template", self.thinking):
            raise UserError(
                f"thinking={self.thinking} and chat.thinking={self.chat.thinking}: give only one of the two"
            )
        _ = self.chat_settings  # not every pair of settings can be
        return self

    @property
    def chat_settings(self) -> ChatSettings:
        """Both settings in one."""
        return self.chat if self.thinking == "template" else self.chat.model_copy(update={"thinking": self.thinking})

    def with_chat(self) -> Self:
        """Return the parameters with models that have these settings, for the function of the study."""
        if self.chat_settings == AS_THE_TEMPLATE:
            return self
        fields = {name: _at(getattr(self, name), self.chat_settings) for name in type(self).model_fields}
        return type(self)(**fields)

    def check_chat(self, models: Iterable[ModelSpec]) -> None:
        """Check that the settings have reached all models.

        Raises:
            UserError: the study names one in its function.
        """
        if self.chat_settings == AS_THE_TEMPLATE:
            return
        for missed in (model for model in models if model.chat == AS_THE_TEMPLATE):
            missed.model_copy(update={"chat": self.chat_settings})  # it says so where it cannot have them
            raise UserError(
                f"{self.chat_settings.label} does not reach model {missed.source}, which the study's function names: "
                "make it a parameter, or write ModelSpec(…, chat=…) there"
            )


def _at(value: object, settings: ChatSettings) -> object:
    """Return a value of a parameter in which models have the settings, but for those that have their own."""
    match value:
        case ModelSpec():
            return value.model_copy(update={"chat": value.chat.over(settings)})
        case list() | tuple():
            return tuple(_at(item, settings) for item in value)
        case Mapping():
            return {name: _at(item, settings) for name, item in value.items()}
        case BaseModel() if not isinstance(value, ChatSettings):
            return type(value)(**{name: _at(getattr(value, name), settings) for name in type(value).model_fields})
    return value


def check_each_once(lists: Mapping[str, Sequence[object]]) -> None:
    """Check that no list has a value twice.

    Raises:
        UserError: one has; the message gives its name.
    """
    for name, values in lists.items():
        if len(set(values)) < len(values):
            raise UserError(f"{name}: a value stands there twice; give each once")


def check_lists(params: BaseModel) -> None:
    """Check that no parameter that is a list has a value twice.

    Raises:
        UserError: one has.
    """
    check_each_once({name: value for name, value in params if isinstance(value, tuple)})


def parse_pairs(pairs: Iterable[str]) -> dict[str, str]:
    """Parse ``["n_eval=60"]`` to a mapping of texts.

    Raises:
        UserError: a pair has no ``=`` or a name comes twice.
    """
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise UserError(f"--set {pair!r}: expected name=value, for example --set n_eval=60")
        if name.strip() in found:
            raise UserError(f"--set {name.strip()} is given twice; give it once")
        found[name.strip()] = value.strip()
    return found


def parse_sets(pairs: Iterable[str]) -> dict[str, object]:
    """Parse ``["n_eval=60"]`` to values: ``{"n_eval": 60}``.

    Raises:
        UserError: a pair has no ``=`` or a name comes twice.
    """
    return {name: parse_value(text) for name, text in parse_pairs(pairs).items()}


def parse_value(text: str) -> object:
    """Return the value of a text: JSON where it is JSON, otherwise the text itself."""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value


def text_of(value: object, parameter: object = None) -> str:
    """Return what to type after ``--set name=`` for a value.

    Args:
        value: as given to :func:`override`. parameter: what the parameter became; where that is a text or a path, a
            value such as ``"8"`` is quoted, because 8 would be read as a number.
    """
    if isinstance(value, str) and (not isinstance(parameter, str | Path) or parse_value(value.strip()) == value):
        return value
    return json.dumps(to_jsonable_python(value))


def placeless(value: object) -> Any:
    """Return a value of JSON with the last part alone of each path that says where something lies on a machine.

    >>> placeless({"model": "dir:/home/me/tiny", "data_dir": "~/data/arc"})
    {'model': 'dir:tiny', 'data_dir': 'arc'}
    """
    if isinstance(value, Mapping):
        return {name: placeless(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [placeless(item) for item in value]
    if not isinstance(value, str):
        return value
    scheme, path = ("dir:", value.removeprefix("dir:")) if value.startswith("dir:") else ("", value)
    if path.startswith(("/", "~")) and "\n" not in path:  # the whole text is one, which may have blanks
        return f"{scheme}{PurePath(path).name or path}"
    return placeless_text(value)


def placeless_text(text: str) -> str:
    """Return a text in which paths that begin at the root, or at a home, are cut to their last part."""
    return _PLACE.sub(lambda found: re.split(r"[/\\]", found[0])[-1], text)


def from_here(path: Path) -> str:
    """Return a path as one types it in this folder: from here on if it lies below, whole if not."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def override(params: M, values: Mapping[str, object]) -> M:
    """Return the parameters with some of them set; ``a.b`` reaches into a nested one.

    A text for a parameter that has parts is read as on the command line: ``"8,10"`` is ``(8, 10)``, and JSON is what it
    says. NumPy's numbers and arrays count as Python's, paths as texts.

    Raises:
        UserError: a name is unknown or a value is not of its type or range.
    """
    if not values:
        return params
    for whole in values:
        if part := next((name for name in values if name.startswith(f"{whole}.")), None):
            raise UserError(f"--set {part}: {whole} is set as a whole, too; give only one of the two")
    data = _parts(params, params.model_dump())
    try:
        for name, value in values.items():
            _set(data, params, name.split("."), name, plain(value))
        made = type(params).model_validate(data)
    except ValidationError as error:
        raise UserError(f"--set: {complaints(error)}") from None
    _check_truths(data, made, "")
    return made


def _parts(value: object, dumped: Any) -> Any:
    """Return what was dumped, but values of a subclass of their field's class as they are, whose fields it lacks."""
    if isinstance(value, BaseModel) and isinstance(dumped, Mapping):
        if set(type(value).model_fields) - set(dumped):
            return value
        return {name: _parts(getattr(value, name, None), part) for name, part in dumped.items()}
    if isinstance(value, tuple | list) and isinstance(dumped, tuple | list) and len(value) == len(dumped):
        return [_parts(one, part) for one, part in zip(value, dumped, strict=True)]
    if isinstance(value, Mapping) and isinstance(dumped, Mapping):
        return {name: _parts(value.get(name), part) for name, part in dumped.items()}
    return dumped


def _check_truths(given: object, became: object, name: str) -> None:
    """Check that true and false did not become 1 and 0.

    Raises:
        UserError: they did.
    """
    if isinstance(given, bool) and isinstance(became, int | float) and not isinstance(became, bool):
        raise UserError(f"--set: {name}={json.dumps(given)} should be a number")
    if isinstance(given, Mapping):
        for part, value in given.items():
            of = became.get(part) if isinstance(became, Mapping) else getattr(became, part, None)
            _check_truths(value, of, f"{name}.{part}".lstrip("."))
    elif isinstance(given, list) and isinstance(became, list | tuple):
        for i, (value, of) in enumerate(zip(given, became, strict=False)):
            _check_truths(value, of, f"{name}[{i}]")


def parameter(params: BaseModel, name: str) -> object:
    """Return the parameter of that name, ``a.b`` for a nested one; None if there is none."""
    found: object = params
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def plain(value: object) -> object:
    """Return the value in Python's own numbers and lists, paths as texts; models stay as they are."""
    if isinstance(value, BaseModel | str):
        return value
    if hasattr(value, "tolist"):  # NumPy's numbers and arrays, which may not be imported for this
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, Iterable) else value


def _set(data: dict[str, Any], model: BaseModel, path: list[str], name: str, value: object) -> None:
    head, *rest = path
    known = list(type(model).model_fields)
    if head not in known:
        hint = did_you_mean(head, known)
        raise UserError(f"--set {name}: unknown parameter {head!r}; {hint}there are {', '.join(known)}")
    inner = getattr(model, head)
    if not rest:
        data[head] = _as_loaded(_fitting(value, inner), inner)
        return
    if not isinstance(inner, BaseModel):
        raise UserError(f"--set {name}: {head} has no parts; type --set {head}={text_of(value)}")
    if isinstance(data[head], dict):
        _set(data[head], inner, rest, name, value)
        return
    parts = inner.model_dump()
    _set(parts, inner, rest, name, value)
    data[head] = type(inner).model_validate(parts)


def _as_loaded(value: object, current: object) -> object:
    """Return names of models with the number format that all models of the parameter have, where it has any.

    ``hub:org/name`` instead of models in bfloat16 is one in bfloat16; a model with settings of its own has its own.
    """
    models = current if isinstance(current, tuple) else (current,)
    formats = {model.dtype if isinstance(model, ModelSpec) else None for model in models}
    if len(formats) != 1 or not formats - {None, "float32"}:
        return value
    named = [value] if isinstance(value, str) else value
    if not isinstance(named, list):
        return value
    (dtype,) = formats
    made = [{"source": one, "dtype": dtype} if isinstance(one, str) and _is_loaded(one) else one for one in named]
    return made[0] if isinstance(value, str) else made


def _is_loaded(name: str) -> bool:
    """Return whether a model's weights are loaded here: it is behind no server and learns from nothing."""
    try:
        origin = ModelSpec(source=name).origin
    except (UserError, ValidationError):
        return False  # it is told when the parameter is made
    return not origin.served and not origin.from_scratch


def _fitting(value: object, current: object) -> object:
    """Return the value as the parameter takes it; a sequence gets a lone value as its only item."""
    if not isinstance(current, tuple | Mapping | BaseModel):
        return value
    read = parse_value(value) if isinstance(value, str) else value
    if not isinstance(current, tuple) or isinstance(read, list):
        return read
    if isinstance(value, str):
        return [parse_value(part.strip()) for part in value.split(",") if part.strip()]
    return [value]
