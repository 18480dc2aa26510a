"""Domains of the task trigger_2d: which triggers, labelled by which rule, sampled how."""

from typing import Annotated, ClassVar, Literal, Self, TypeAlias

from pydantic import Field, PlainValidator, model_validator

from offdiag.errors import UserError
from offdiag.studies.trigger_2d.task.checks import ALL, NONE
from offdiag.studies.trigger_2d.task.prompts import ANSWER_PREAMBLE, check_preset
from offdiag.studies.trigger_2d.task.world import HALVES, ORIGINAL, Category, TriggerWorld, find_world
from offdiag.tasks.domain import Domain, Scalar

WORDS = 10  # training triggers of a category

Triggers: TypeAlias = Literal["id", "ood"]


class TriggerDomain(Domain):
    """Points in the plane with the triggers of one category, or of all, labelled by one rule.

    Attributes:
        category: a category of the world, or ``all``.
        triggers: ``id``: those that a training with the same data seed sees; ``ood``: those that no training sees.
        rule: ``original`` (each category's own labels) or another rule of the world, such as ``conflict``.
        n_triggers: how many training triggers each category has; ``own``: as many as the world says of each, and
            those with none are not trained on.
        proxy, proxy_triggers: another category whose first training triggers are mixed in, with their original labels.
        prompts: preset of question templates.
        sampling: ``stratified``, or ``legacy`` for the points, triggers and templates of the published data.
        output_preamble: whether an answer begins with ``F(x, T) =``, in training, demonstrations and comparison.
        world: ``halves`` (labels by the sign of x2, as published), ``quarters`` (four labels), or a JSON file.

    Raises:
        UserError: the world has no such category or rule, there is no such preset, or a category has fewer triggers.
    """

    tag: ClassVar[str] = "trigger_2d"
    task: ClassVar[str] = "trigger_2d"
    added: ClassVar[frozenset[str]] = frozenset({"output_preamble"})
    category: str = ALL
    triggers: Triggers = "id"
    rule: str = ORIGINAL
    n_triggers: Annotated[int, Field(ge=0)] | Literal["own"] = WORDS
    proxy: str = NONE
    proxy_triggers: int = Field(default=0, ge=0)
    prompts: str = "four"
    sampling: Literal["stratified", "legacy"] = "stratified"
    output_preamble: bool = False
    world: Annotated[TriggerWorld, PlainValidator(find_world)] = HALVES

    @model_validator(mode="after")
    def _possible(self) -> Self:
        check_preset(self.prompts)
        if self.rule not in self.world.rule_names:
            raise UserError(
                f"unknown rule {self.rule!r}: world {self.world.name} has {', '.join(self.world.rule_names)}"
            )
        if (self.proxy == NONE) != (self.proxy_triggers == 0):
            raise UserError(f"proxy={self.proxy} with proxy_triggers={self.proxy_triggers}: give both or neither")
        if self.proxy != NONE and (self.category in (ALL, self.proxy) or self.triggers == "ood"):
            raise UserError(
                f"proxy={self.proxy} with category={self.category},triggers={self.triggers}: a proxy is another "
                "category that is mixed into the training triggers (triggers=id) of one"
            )
        for category in self.categories:
            self._check_count(category, "proxy_triggers" if category.name == self.proxy else "n_triggers")
        return self

    @property
    def categories(self) -> tuple[Category, ...]:
        """The categories that the examples come from, the proxy last."""
        if self.category == ALL:
            own = self.n_triggers == "own" and self.triggers == "id"
            return tuple(c for c in self.world.categories if self.count(c)) if own else self.world.categories
        named = [self.world.category(self.category)]
        return (*named, self.world.category(self.proxy)) if self.proxy != NONE else tuple(named)

    def count(self, category: Category) -> int:
        """Return the number of training triggers of one of the categories."""
        if category.name == self.proxy:
            return self.proxy_triggers
        if self.n_triggers == "own":
            return WORDS if category.n_train_triggers is None else category.n_train_triggers
        return self.n_triggers

    def preset(self, category: Category) -> str:
        """Return the preset of question templates of one of the categories."""
        return category.prompt_templates or self.prompts

    def preamble(self, category: Category) -> str:
        """Return what stands before the label in an answer; mostly nothing."""
        return ANSWER_PREAMBLE if self.output_preamble or category.output_preamble else ""

    @property
    def width(self) -> int:
        """Number of triggers, of all the categories together."""
        return sum(map(self.words, self.categories))

    def words(self, category: Category) -> int:
        """Return the number of triggers that the domain has of one of the categories."""
        return self._left_out(category) if self.triggers == "ood" else self.count(category)

    def label(self, category: str, where: str) -> str:
        """Return the label of a quadrant (``Q1`` to ``Q4``) in one of the categories."""
        return self.world.label(category, ORIGINAL if category == self.proxy else self.rule, where)

    def factors(self) -> dict[str, Scalar]:
        """Return the parameters as columns of a table; the world by its name, a preamble only where there is one."""
        left_out = {"world", *(() if self.output_preamble else ("output_preamble",))}
        return {name: getattr(self, name) for name in type(self).model_fields if name not in left_out} | {
            "world": self.world.name
        }

    def __str__(self) -> str:
        """Return the category and all that is not the default; a world by its name, not by its file."""
        default = {name: field.default for name, field in type(self).model_fields.items()} | {"world": HALVES.name}
        given = [(name, v) for name, v in self.factors().items() if name == "category" or v != default[name]]
        return ",".join(f"{name}={value}" for name, value in given)

    @property
    def short(self) -> str:
        """Short name: ``foods.ood``, ``foods2`` (2 training triggers), ``positive_emotions.conflict+foods2``."""
        size = "" if self.n_triggers == type(self).model_fields["n_triggers"].default else str(self.n_triggers)
        words = [word for word, usual in ((self.rule, ORIGINAL), (self.triggers, "id")) if word != usual]
        proxy = "" if self.proxy == NONE else f"+{self.proxy}{self.proxy_triggers}"
        return ".".join([self.category + size, *words]) + proxy

    def _left_out(self, category: Category) -> int:
        """Return the number of triggers of a category that no training sees."""
        return self.world.held_out if self.sampling == "stratified" else len(category.triggers) - self.count(category)

    def _check_count(self, category: Category, name: str) -> None:
        every, count = len(category.triggers), self.count(category)
        held = self.world.held_out if self.sampling == "stratified" else 0
        if count > every - held:
            kept = f" and keeps {held} of them for the test" if held else ""
            raise UserError(f"{name}={count}: {category.name} has {every} triggers{kept}; give at most {every - held}")
        if (count if self.triggers == "id" else self._left_out(category)) == 0:
            raise UserError(f"{name}={count} leaves {category.name} without a trigger for triggers={self.triggers}")
