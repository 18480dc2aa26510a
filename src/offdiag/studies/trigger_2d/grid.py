"""Arms, cells and measurements of the study trigger-2d."""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import product
from typing import Any, NamedTuple

from offdiag.measurements.training_history import TrainingHistory
from offdiag.methods import FineTuning, Proxy, Recipe, ZeroShot, data_seed_of
from offdiag.models.sentence import SentenceModel
from offdiag.steps import Measurement, Weights
from offdiag.studies.trigger_2d.measurements.ablation import TriggerAblation
from offdiag.studies.trigger_2d.measurements.category_similarity import CategorySimilarity
from offdiag.studies.trigger_2d.measurements.patching import ActivationPatching
from offdiag.studies.trigger_2d.params import Points, TriggerParams
from offdiag.studies.trigger_2d.task import CONFLICT, TriggerDomain, TriggerWorld
from offdiag.study import Arm, Cell, Evaluation
from offdiag.training.snapshots import log_spaced
from offdiag.training.strategies import strategy_named


class Chain(NamedTuple):
    """The arms of one pair of seeds: the first stage, and the arms of the second that start from it.

    ``data_seed`` None is the arms' own seed.
    """

    data_seed: int | None
    first: Arm
    second: tuple[Arm, ...]


def chains(p: TriggerParams) -> list[Chain]:
    """Return one chain per pair of data seed and training seed."""
    made = []
    for data_seed, seed in p.pairs_of_seeds:
        first = _first_stage(p, data_seed, seed)
        made.append(Chain(data_seed, first, tuple(_second_stage(p, first, data_seed))))
    return made


def cells(p: TriggerParams) -> tuple[Cell, ...]:
    """Return the cells of the untaught model and, per pair of seeds, of the first stage and all arms of the second."""
    # The published sampling has other test words under each data seed, and the untaught model is asked all of them.
    asked = dict.fromkeys(one for pair in p.pairs_of_seeds for one in _held_out(p, data_seed_of(*pair)))
    made = _cells_of(p, Arm(model=p.model, method=ZeroShot()), list(asked))
    for chosen, first, second in chains(p):
        data_seed = data_seed_of(chosen, first.seed)
        if p.start == "first-stage":
            trained = (_trained(p, data_seed, category=own.name) for own in _domain(p).categories)
            made += _cells_of(p, first, [*_held_out(p, data_seed), *trained])
            made += _cells_of_snapshots(first, list(_held_out(p, data_seed)))
        for arm in second:
            held_out = list(_held_out(p, data_seed, taught=CONFLICT))
            made += _cells_of(p, arm, [*held_out, *_taught_words(p, arm, data_seed)])
            made += _cells_of_snapshots(arm, held_out)
    return tuple(made)


def measurements(p: TriggerParams) -> tuple[Measurement, ...]:
    """Return the history of every training, probes of some arms, and category similarities if there are proxies."""
    made: list[Measurement] = []
    for chain in chains(p):
        arms = [chain.first, *chain.second] if p.start == "first-stage" else chain.second
        made += [TrainingHistory.of(arm.predictor().weights, arm.factors()) for arm in arms]
        made += [probe for category in p.probed for probe in _probes(p, chain, category)]
    return (*made, *_similarities(p))


def _first_stage(p: TriggerParams, data_seed: int | None, seed: int) -> Arm:
    """Return the arm that is taught every category with its own rule."""
    taught = _domain(p, p.first_points)
    n = p.rows(taught, p.first_points)
    method = FineTuning(n=n, recipe=_with_snapshots(p, p.first, n), data_seed=data_seed)
    return Arm(model=p.model, method=method, train=taught, seed=seed)


def _second_stage(p: TriggerParams, first: Arm, data_seed: int | None) -> Iterator[Arm]:
    """Yield arms that are taught the conflicting rule: without a proxy, then with each proxy, size and strategy."""
    n = p.task_rows
    for proxy in (None, *_proxies(p)):
        yield Arm(
            model=p.model,
            method=FineTuning(n=n, recipe=_second_recipe(p, n, proxy), data_seed=data_seed, proxy=proxy),
            train=_domain(p, category=p.taught, rule=CONFLICT),
            seed=first.seed,
            init_from=first if p.start == "first-stage" else None,
        )


def _with_snapshots(p: TriggerParams, recipe: Recipe, n: int) -> Recipe:
    """Return the recipe with snapshots between its beginning and its end."""
    on_the_way = log_spaced(recipe.updates(n), p.snapshots + 1)[:-1] if p.snapshots else ()
    return recipe.model_copy(update={"snapshots": on_the_way})


def _second_recipe(p: TriggerParams, n: int, proxy: Proxy | None) -> Recipe:
    """Return the recipe of an arm of the second stage, with the snapshots that it has."""
    if not p.on_the_way:
        return p.second if proxy else _with_snapshots(p, p.second, n)
    if proxy is None:
        return p.second.model_copy(update={"snapshots": p.on_the_way[:-1]})
    if isinstance(proxy.domain, TriggerDomain) and proxy.domain.width < max(p.proxy_triggers):  # or it is a control
        return p.second
    updates, alone = p.second.updates(proxy.strategy.rows(n, proxy.n)), p.on_the_way[-1]
    return p.second.model_copy(update={"snapshots": tuple(-(-at * updates // alone) for at in p.on_the_way[:-1])})


def _proxies(p: TriggerParams) -> Iterator[Proxy]:
    """Yield the first strategy at every number of words, the other strategies at the largest one alone; the controls.

    A control has as few words as any, in as many rows as the most words.
    """
    most = max(p.proxy_triggers, default=0)
    for name, size, strategy in product(p.proxies, p.proxy_triggers, p.strategies):
        if strategy == p.strategies[0] or size == most:
            yield _proxy(p, name, size, size, strategy)
    for name in p.size_controls:
        yield _proxy(p, name, min(p.proxy_triggers), most, p.strategies[0])


def _proxy(p: TriggerParams, name: str, size: int, rows_of: int, strategy: str) -> Proxy:
    """Return a proxy of so many words, with as many rows as so many words have."""
    n = p.points_of(name, p.points, "train") * rows_of
    return Proxy(domain=_domain(p, category=name, n_triggers=size), n=n, strategy=strategy_named(strategy))


def _cells_of(p: TriggerParams, arm: Arm, evaluations: list[Evaluation]) -> list[Cell]:
    """Return cells that take the most likely label, and for held-out words of some categories a written one, too."""
    written = [
        evaluation.model_copy(update={"answering": "generation", "max_new_tokens": p.max_new_tokens})
        for evaluation in evaluations
        if evaluation.domain.factors()["triggers"] == "ood" and evaluation.domain.factors()["category"] in p.generated
    ]
    return [Cell(arm=arm, evaluation=evaluation) for evaluation in (*evaluations, *written)]


def _cells_of_snapshots(arm: Arm, evaluations: Sequence[Evaluation]) -> list[Cell]:
    """Return the cells that put the same questions to the snapshots of an arm."""
    updates = arm.method.recipe.snapshots if isinstance(arm.method, FineTuning) else ()
    arms = [arm.model_copy(update={"checkpoint": update}) for update in updates]
    return [Cell(arm=snapshot, evaluation=evaluation) for snapshot in arms for evaluation in evaluations]


def _held_out(p: TriggerParams, data_seed: int, taught: str = "original") -> Iterator[Evaluation]:
    """Yield evaluations on words that no arm sees under any seed, at points that are the same for all arms.

    In the published sampling the words are those that no arm of this data seed sees.
    """
    for name in p.small_world.category_names:
        rule = taught if name == p.taught else "original"
        domain = _domain(p, category=name, triggers="ood", rule=rule)
        yield _evaluation(p, domain, data_seed if p.sampling == "legacy" else 0)


def _taught_words(p: TriggerParams, arm: Arm, data_seed: int) -> Iterator[Evaluation]:
    """Yield evaluations on the words that an arm of the second stage was taught, at new points."""
    yield _trained(p, data_seed, category=p.taught, rule=CONFLICT)
    proxy = _proxy_of(arm)
    if proxy is not None:
        yield _evaluation(p, proxy.domain, data_seed)


def _trained(p: TriggerParams, data_seed: int, **parameters: Any) -> Evaluation:
    return _evaluation(p, _domain(p, **parameters), data_seed)


def _evaluation(p: TriggerParams, domain: Any, data_seed: int) -> Evaluation:
    return _asked(domain, p.rows(domain, p.eval_points, "eval"), data_seed)


def _domain(p: TriggerParams, points: Points | None = None, **parameters: Any) -> TriggerDomain:
    """Return a domain of the study's world, with the study's number of words and wording by default.

    Args:
        points: per training word, by default those of the second stage. The published sampling has them of the world.
    """
    world = p.small_world
    if p.sampling == "legacy":
        n_train, n_test = (None if n == "own" else n for n in (points or p.points, p.eval_points))
        world = _sized(world, n_train, n_test)
    shared = ("n_triggers", "prompts", "sampling", "output_preamble")
    return _made(**{**{name: getattr(p, name) for name in shared}, "world": world, **parameters})


# The arms share their evaluations and domains, as objects: what is computed of one is computed once.
@cache
def _asked(domain: TriggerDomain, n: int, seed: int) -> Evaluation:
    return Evaluation(domain=domain, n=n, seed=seed, answering="choice")


@cache
def _sized(world: TriggerWorld, n_train: int | None, n_test: int | None) -> TriggerWorld:
    return world.with_points(n_train, n_test)


@cache
def _made(**parameters: Any) -> TriggerDomain:
    return TriggerDomain(**parameters)


def _proxy_of(arm: Arm) -> Proxy | None:
    return arm.method.proxy if isinstance(arm.method, FineTuning) else None


def _probes(p: TriggerParams, chain: Chain, category: str) -> Iterator[Measurement]:
    """Yield probes that exchange held-out words of the taught category and of another one, both ways."""
    taught = _domain(p, category=p.taught, triggers="ood", rule=CONFLICT)
    other = _domain(p, category=category, triggers="ood")
    n = p.probe_points * p.small_world.held_out
    for arm in chain.second:
        if _is_probed(p, arm, category):
            shared: dict[str, Any] = {"weights": arm.predictor().weights, "n": n}
            yield TriggerAblation.of(domain=taught, against=other, **shared)
            yield TriggerAblation.of(domain=other, against=taught, **shared)
            if p.patched:
                yield ActivationPatching.of(domain=other, against=taught, **shared)


def _is_probed(p: TriggerParams, arm: Arm, category: str) -> bool:
    """Say whether an arm has no proxy, or the largest of the probed category, under the first strategy."""
    proxy = _proxy_of(arm)
    if proxy is None:
        return True
    factors = proxy.factors()
    is_first = p.strategies[0].partition("=")[0] == factors["strategy"]
    return is_first and (factors["proxy_category"], factors["proxy_n_triggers"]) == (category, max(p.proxy_triggers))


def _similarities(p: TriggerParams) -> tuple[Measurement, ...]:
    if not (p.proxies and p.proxy_triggers):
        return ()
    embedders = [SentenceModel(), Weights.of(p.model)] if p.sentence_embedder else [Weights.of(p.model)]
    return tuple(CategorySimilarity(embedder=embedder, world=p.small_world) for embedder in embedders)
