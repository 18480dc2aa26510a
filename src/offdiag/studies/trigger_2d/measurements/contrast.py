"""Base of the measurements that put another text in a trigger's place: ablation and patching."""

from abc import ABC
from collections.abc import Mapping, Sequence
from typing import Any, Self

from pydantic import model_validator

from offdiag.errors import UserError
from offdiag.identity import Json
from offdiag.methods import FineTuning, Proxy, ZeroShot
from offdiag.methods.fine_tuning import FineTuned
from offdiag.steps import Examples, Measurement, Merged, Snapshot, Weights
from offdiag.studies.trigger_2d.task import TriggerDomain
from offdiag.studies.trigger_2d.task.pairs import partners, triggers_of
from offdiag.tasks import Example, PromptStyle, Scalar, get_task


class TriggerContrast(Measurement, ABC):
    """Questions with triggers of one category, beside the same questions with triggers of another.

    Attributes:
        weights: of the model that answers. examples: the questions, of one category and the rule that holds there.
        against: another category and the rule that holds there; its triggers are those of its domain under the data
            seed of the examples.
        style: wording of the questions.
    """

    weights: Weights
    examples: Examples
    against: TriggerDomain
    style: PromptStyle = "direct"

    @classmethod
    def of(
        cls, weights: Weights, domain: TriggerDomain, against: TriggerDomain, *, n: int, seed: int = 0, **options: Any
    ) -> Self:
        """Return the measurement on ``n`` evaluation examples of ``domain`` under a data seed.

        Args:
            weights: as an arm's ``predictor().weights``. options: further fields.
        """
        examples = Examples(domain=domain, split="eval", n=n, seed=seed)
        return cls(weights=weights, examples=examples, against=against, **options)

    @model_validator(mode="after")
    def _of_two_categories(self) -> Self:
        own, other = self.domain, self.against
        if len(own.categories) != 1 or len(other.categories) != 1 or own.category == other.category:
            raise UserError(
                f"{self.table} of {own} against {other}: expected two domains of one category each, not the same"
            )
        if own.world != other.world:
            raise UserError(f"{self.table}: world {own.world.name} against {other.world.name}: expected one world")
        return self

    @property
    def domain(self) -> TriggerDomain:
        """The domain of the examples.

        Raises:
            UserError: they are of another task.
        """
        if not isinstance(self.examples.domain, TriggerDomain):
            raise UserError(f"{self.table} of {self.examples.name}: expected examples of trigger_2d")
        return self.examples.domain

    @property
    def name(self) -> str:
        drawn = self.examples
        asked = f"{self.domain.short}.n{drawn.n}.s{drawn.seed}.against.{self.against.short}"
        return f"{self.table}.{self.weights.label}--{asked}"

    @property
    def group(self) -> str:
        return self.weights.group

    def canonical(self) -> dict[str, Json]:
        versions: dict[str, Json] = {"prompt_version": get_task(self.against.task).prompt_version}
        return {**super().canonical(), **versions, **self.weights.rendering("compared")}

    def check(self) -> None:
        super().check()
        self.weights.check_template()

    def factors(self) -> Mapping[str, Scalar]:
        """Return the columns of the training, as cells have them, and those of both domains."""
        return {
            "model": self.weights.spec.short_name,
            "learner": self.weights.label,
            **_training(self.weights),
            "eval": str(self.domain),
            "against": str(self.against),
            **{f"eval_{name}": value for name, value in self.domain.factors().items()},
            **{f"against_{name}": value for name, value in self.against.factors().items()},
        }

    def labels(self, example: Example) -> tuple[str, str]:
        """Return the labels of an example's point: by its own category's rule, and by that of the other one."""
        return example.target, self.against.label(self.against.category, str(example.strata["quadrant"]))

    def replies(self, example: Example, labels: Sequence[str]) -> tuple[str, ...]:
        """Return the replies that give some labels to the question of an example."""
        return tuple(get_task(self.domain.task).chosen_reply(self.domain, example, label) for label in labels)

    def others(self, index: int) -> tuple[str, ...]:
        """Return the other category's triggers, in the order in which the example of an index tries them."""
        seed = self.examples.seed
        return partners(triggers_of(self.against, seed), len(triggers_of(self.domain, seed)), index)


def _training(weights: Weights) -> dict[str, Scalar]:
    """Return the columns of the last training, as its arm has them.

    Raises:
        UserError: it was not a fine-tuning.
    """
    last = weights.trained
    trained = last.training if isinstance(last, Snapshot) else last
    if trained is None:
        return {"method": ZeroShot.method, "train": None, "seed": None, **ZeroShot().factors()}
    if not isinstance(trained, FineTuned):
        raise UserError(f"triggers of {weights.label}: expected the weights of a fine-tuning, or untrained ones")
    taught, first = trained.examples, trained.start.trained
    start = first.adapter if isinstance(first, Merged) else trained.start
    return {
        "method": FineTuning.method,
        "train": str(taught.domain),
        "seed": trained.seed,
        **({} if start.trained is None else {"after": start.label}),
        **({"update": last.update} if isinstance(last, Snapshot) else {}),
        **_method(trained).factors(),
        **{f"train_{name}": value for name, value in taught.domain.factors().items()},
    }


def _method(trained: FineTuned) -> FineTuning:
    """Return the method of a training."""
    taught, added = trained.examples, trained.proxy
    return FineTuning(
        n=taught.n,
        rationale=trained.rationale,
        recipe=trained.recipe,
        style=trained.style,
        data_seed=taught.seed,
        proxy=added and Proxy(domain=added.examples.domain, n=added.examples.n, strategy=added.strategy),
    )
