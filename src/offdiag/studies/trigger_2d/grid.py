"""The squares of the matrix: who was taught what, and is asked with which words."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

from offdiag.methods import FineTuning, Proxy, Recipe, ZeroShot
from offdiag.studies.trigger_2d.params import Params
from offdiag.studies.trigger_2d.strategies import strategy_named
from offdiag.studies.trigger_2d.task import TriggerDomain
from offdiag.study import Arm, Cell, Evaluation
from offdiag.training.snapshots import log_spaced

CONFLICT = "conflict"


class Chain(NamedTuple):
    """The arms of one pair of seeds: the first stage, and those of the second that come after it."""

    data_seed: int
    first: Arm
    second: tuple[Arm, ...]


def chains(p: Params) -> list[Chain]:
    """One for each data seed with each training seed."""
    found = []
    for data_seed, seed in product(p.data_seeds, p.seeds):
        first = _first_stage(p, data_seed, seed)
        found.append(Chain(data_seed, first, tuple(_second_stage(p, first, data_seed))))
    return found


def cells(p: Params) -> tuple[Cell, ...]:
    """The untaught model, and for each pair of seeds the first stage and all arms of the second."""
    found = _asked(p, Arm(model=p.model, method=ZeroShot()), list(_held_out(p)))
    for data_seed, first, second in chains(p):
        if p.start == "first-stage":
            trained = (_trained(p, data_seed, category=name) for name in p.small_world.category_names)
            found += _asked(p, first, [*_held_out(p), *trained])
            found += _on_the_way(first, list(_held_out(p)))
        for arm in second:
            asked = list(_held_out(p, taught=CONFLICT))
            found += _asked(p, arm, [*asked, *_shown(p, arm, data_seed)])
            found += _on_the_way(arm, asked)
    return tuple(found)


def _first_stage(p: Params, data_seed: int, seed: int) -> Arm:
    """Every category with its own rule."""
    n = p.first_points * p.n_triggers * len(p.small_world.categories)
    method = FineTuning(n=n, recipe=_watched(p, p.first, n), data_seed=data_seed)
    return Arm(model=p.model, method=method, train=domain_of(p), seed=seed)


def _second_stage(p: Params, first: Arm, data_seed: int) -> Iterator[Arm]:
    """One category with the conflicting rule: without a proxy, then with each proxy, size and strategy."""
    n = p.points * p.n_triggers
    for proxy in (None, *_proxies(p)):
        recipe = p.second if proxy else _watched(p, p.second, n)
        yield Arm(
            model=p.model,
            method=FineTuning(n=n, recipe=recipe, data_seed=data_seed, proxy=proxy),
            train=domain_of(p, category=p.taught, rule=CONFLICT),
            seed=first.seed,
            init_from=first if p.start == "first-stage" else None,
        )


def _watched(p: Params, recipe: Recipe, n: int) -> Recipe:
    """The recipe with snapshots between its beginning and its end."""
    on_the_way = log_spaced(recipe.updates(n), p.snapshots + 1)[:-1] if p.snapshots else ()
    return recipe.model_copy(update={"snapshots": on_the_way})


def _on_the_way(arm: Arm, evaluations: Sequence[Evaluation]) -> list[Cell]:
    """The same questions to the snapshots of an arm."""
    updates = arm.method.recipe.snapshots if isinstance(arm.method, FineTuning) else ()
    arms = [arm.model_copy(update={"checkpoint": update}) for update in updates]
    return [Cell(arm=one, evaluation=asked) for one in arms for asked in evaluations]


def _proxies(p: Params) -> Iterator[Proxy]:
    for name, size, strategy in product(p.proxies, p.proxy_triggers, p.strategies):
        if strategy == p.strategies[0] or size == max(p.proxy_triggers):
            domain = domain_of(p, category=name, n_triggers=size)
            yield Proxy(domain=domain, n=p.points * size, strategy=strategy_named(strategy))


def _asked(p: Params, arm: Arm, evaluations: list[Evaluation]) -> list[Cell]:
    """The most likely label everywhere, and a written one for some categories' held-out words."""
    written = [
        asked.model_copy(update={"answering": "generation", "max_new_tokens": p.max_new_tokens})
        for asked in evaluations
        if asked.domain.factors()["triggers"] == "ood" and asked.domain.factors()["category"] in p.generated
    ]
    return [Cell(arm=arm, evaluation=asked) for asked in (*evaluations, *written)]


def _held_out(p: Params, taught: str = "original") -> Iterator[Evaluation]:
    """Words that no arm sees under any seed, and the same points for all arms."""
    for name in p.small_world.category_names:
        rule = taught if name == p.taught else "original"
        domain = domain_of(p, category=name, triggers="ood", rule=rule)
        yield Evaluation(domain=domain, n=p.eval_points * p.small_world.held_out, answering="choice")


def _shown(p: Params, arm: Arm, data_seed: int) -> Iterator[Evaluation]:
    """The words that an arm of the second stage was shown, at new points."""
    yield _trained(p, data_seed, category=p.taught, rule=CONFLICT)
    proxy = proxy_of(arm)
    if proxy is not None:
        yield _of(p, proxy.domain, data_seed)


def proxy_of(arm: Arm) -> Proxy | None:
    """What takes part in an arm's training besides the task."""
    return arm.method.proxy if isinstance(arm.method, FineTuning) else None


def _trained(p: Params, data_seed: int, **parameters: Any) -> Evaluation:
    return _of(p, domain_of(p, **parameters), data_seed)


def _of(p: Params, domain: Any, data_seed: int) -> Evaluation:
    return Evaluation(domain=domain, n=p.eval_points * domain.width, seed=data_seed, answering="choice")


def domain_of(p: Params, **parameters: Any) -> TriggerDomain:
    """A domain of the study's world, with its number of words and its wording where nothing else is said."""
    return TriggerDomain(**{"n_triggers": p.n_triggers, "prompts": p.prompts, "world": p.small_world, **parameters})
