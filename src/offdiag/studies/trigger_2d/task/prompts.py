"""The wording of the questions of the task trigger_2d.

A preset is a fixed list of question templates; each example has the number of the template that words it.
"""

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
ANSWER_PREAMBLE = "F(x, T) = "  # what the published preset puts before an answer where it is asked to
_AFTER: dict[PromptStyle, str] = {"direct": "", "step-by-step": " Reason step by step, then name the value."}


def check_preset(name: str) -> None:
    """Refuse an unknown preset of question templates.

    Raises:
        UserError: there is no such preset.
    """
    if name not in PRESETS:
        raise UserError(f"unknown prompt preset {name!r}: expected one of {', '.join(PRESETS)}")


def point_text(x1: float, x2: float) -> str:
    """Return a point as text, such as ``[1.644, 1.549]``: three decimals, trailing zeros kept."""
    return f"[{x1:.3f}, {x2:.3f}]"


def question(preset: str, template: int, point: str, trigger: str, style: PromptStyle) -> str:
    """Return the user's turn, worded by one template of a preset."""
    return PRESETS[preset][template].format(point=point, trigger=trigger) + _AFTER[style]
