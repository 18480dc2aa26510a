"""What is made of the results."""

from offdiag.analyses import Transition
from offdiag.figures import KShot, Transfer

WORKED = {"task": "base_addition", "eval_digits": 2, "prompt": "step-by-step", "rationale": True,
          "demonstrations": "fixed"}  # fmt: skip
BARE = {**WORKED, "prompt": "direct", "rationale": False}
ANALYSES = (
    Transition(name="transition", where=WORKED, caption="Logistic fits over k, with item-level bootstrap intervals."),
)
CHANGE = "Change against the untuned model on the same items"
FIGURES = (
    KShot(name="k-shot", where=WORKED, caption="Accuracy over the number k of worked demonstrations."),
    Transfer(
        name="transfer-bases", where={"eval_digits": 2, "matched": True},
        caption=f"{CHANGE}, by evaluated base (2 digits).",
    ),
    Transfer(
        name="transfer-digits", x="eval_digits", own=("base",), where={"matched": True},
        caption=f"{CHANGE}, by length in the taught base.",
    ),
)  # fmt: skip
