"""Strategies by name: ``mixing``, ``up-weighting=4``, ``kl-penalty=0.1``, ``gradient-projection``."""

from pydantic import ValidationError

from offdiag.errors import UserError
from offdiag.training.strategies import GradientProjection, KLPenalty, Mixing, Strategy, UpWeighting

KINDS: dict[str, type[Strategy]] = {one.name: one for one in (Mixing, UpWeighting, KLPenalty, GradientProjection)}


def strategy_named(text: str) -> Strategy:
    """The strategy of a name, with its one number after ``=`` if it has one.

    Raises:
        UserError: there is no such strategy, or its number is missing, too much or out of range.
    """
    name, _, strength = text.partition("=")
    if name not in KINDS:
        raise UserError(f"unknown strategy {text!r}: expected {', '.join(map(_form, KINDS))}")
    fields, wrong = KINDS[name].model_fields, UserError(f"strategy {text!r}: expected {_form(name)}")
    if bool(strength) != bool(fields):
        raise wrong
    try:
        return KINDS[name].model_validate(dict.fromkeys(fields, strength))
    except ValidationError:
        raise wrong from None


def _form(name: str) -> str:
    """How a strategy is typed."""
    return f"{name}=NUMBER (above 0)" if KINDS[name].model_fields else name
