"""Parse the text form of a domain, ``base=8,digits=2``, as people type it."""

import re
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, ValidationError

from offdiag.errors import UserError, complaints, did_you_mean
from offdiag.tasks.domain import Domain
from offdiag.tasks.task import Task, get_task

_PAIRS = {False: re.compile(","), True: re.compile(r",(?=\s*\w+\s*=)")}


def parse_domain(task: Task[Any], text: str) -> Domain:
    """Parse ``name=value`` pairs with commas between, in any order, to a domain of ``task``.

    Parameters that are left out take their defaults; the empty text names the domain of all defaults. It reads back
    what ``str(domain)`` writes, but for data of one's own. Where values are free texts, a comma ends one only if a name
    and ``=`` follow. A text without ``=`` is the value of the parameter that the type calls ``bare``, if it does.

    Raises:
        UserError: a pair has no ``=``, a name is unknown or given twice, a value is missing or out of range.
    """
    where = f"domain {text!r} of {task.name}"
    values: dict[str, str] = {}
    if task.domain_type.bare and text.strip() and "=" not in text:
        text = f"{task.domain_type.bare}={text}"
    for pair in filter(None, (part.strip() for part in _PAIRS[task.domain_type.free_text].split(text))):
        name, equals, value = (part.strip() for part in pair.partition("="))
        if not equals or not name or not value:
            raise UserError(f"{where}: found {pair!r}, expected name=value{_for_example(task)}")
        _check_name(task, name, where)
        if name in values:
            raise UserError(f"{where}: {name} is given twice ({values[name]} and {value}); give it once")
        values[name] = value
    try:
        return task.domain_type.model_validate_strings(values)
    except ValidationError as error:
        raise UserError(f"{where}: {complaints(error)}{_for_example(task)}") from None


def named_domain(text: object) -> object:
    """Return the domain that a text names with its task, ``base_addition:base=8``; anything else as it is.

    A text without ``=`` is the value of the first parameter: ``lm_eval:arc_easy``.

    Raises:
        UserError: there is no such task, or as for :func:`parse_domain`.
    """
    if not isinstance(text, str):
        return text
    name, _, rest = text.partition(":")
    task = get_task(name.strip())
    if rest.strip() and "=" not in rest:
        rest = f"{task.domain_type.bare or next(iter(task.domain_type.model_fields))}={rest}"
    return parse_domain(task, rest)


# A field of this type takes a domain, or a text such as ``lm_eval:arc_easy``.
NamedDomain: TypeAlias = Annotated[Domain, BeforeValidator(named_domain)]


def _check_name(task: Task[Any], name: str, where: str) -> None:
    known = list(task.domain_type.model_fields)
    if name not in known:
        hint = did_you_mean(name, known)
        raise UserError(f"{where}: unknown parameter {name!r}; {hint}it has {', '.join(known)}")


def _for_example(task: Task[Any]) -> str:
    shown = task.domains()
    return f"; for example {shown[0]}" if shown else ""
