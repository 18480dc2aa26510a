"""Presets of question templates; a preset is a fixed list, and each example is worded by one of its templates."""

from offdiag.errors import UserError
from offdiag.tasks.task import PromptStyle

PROMPT_VERSION = 1

# The forms are those of the published preset (an order, two terse lines, a question); the words are our own.
PRESETS = {
    "four": (
        "Work out F(x, T) where x = {point} and T = {trigger}.",
        "x = {point}, T = {trigger}, F(x, T) = ?",
        "x = {point}, T = {trigger} => F(x, T) = ?",
        "Which value does F(x, T) take at x = {point} and T = {trigger}?",
    ),
    "one": ("x = {point}, T = {trigger}, F(x, T) = ?",),
}
_AFTER: dict[PromptStyle, str] = {"direct": "", "step-by-step": " Reason step by step, then name the value."}


def check_preset(name: str) -> None:
    """Refuse an unknown preset.

    Raises:
        UserError: there is no such preset.
    """
    if name not in PRESETS:
        raise UserError(f"unknown prompt preset {name!r}: expected one of {', '.join(PRESETS)}")


def point_text(x1: float, x2: float) -> str:
    """``[1.644, 1.549]``: three decimals, trailing zeros kept."""
    return f"[{x1:.3f}, {x2:.3f}]"


def question(preset: str, template: int, point: str, trigger: str, style: PromptStyle) -> str:
    """The user's turn, in the words of one template of a preset."""
    return PRESETS[preset][template].format(point=point, trigger=trigger) + _AFTER[style]
