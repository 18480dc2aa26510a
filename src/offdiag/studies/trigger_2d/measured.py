"""What is measured besides answers: losses, what the trigger does and where, and how near categories are."""

from collections.abc import Iterator
from typing import Any

from offdiag.measurements.training_history import TrainingHistory
from offdiag.models.sentence import SentenceModel
from offdiag.steps import Measurement, Weights
from offdiag.studies.trigger_2d.grid import CONFLICT, Chain, chains, domain_of, proxy_of
from offdiag.studies.trigger_2d.measurements.ablation import TriggerAblation
from offdiag.studies.trigger_2d.measurements.category_similarity import CategorySimilarity
from offdiag.studies.trigger_2d.measurements.patching import ActivationPatching
from offdiag.studies.trigger_2d.params import Params
from offdiag.study import Arm


def measurements(p: Params) -> tuple[Measurement, ...]:
    """The history of every training, the probes of some arms, and similarities where there are proxies."""
    found: list[Measurement] = []
    for chain in chains(p):
        arms = [chain.first, *chain.second] if p.start == "first-stage" else chain.second
        found += [TrainingHistory.of(arm.predictor().weights, arm.factors()) for arm in arms]
        found += [probe for category in p.probed for probe in _probes(p, chain, category)]
    return (*found, *_similarities(p))


def _probes(p: Params, chain: Chain, category: str) -> Iterator[Measurement]:
    """Words of the taught category in the place of held-out ones of another, and the other way round."""
    taught = domain_of(p, category=p.taught, triggers="ood", rule=CONFLICT)
    other = domain_of(p, category=category, triggers="ood")
    n = p.probe_points * p.small_world.held_out
    for arm in chain.second:
        if _is_probed(p, arm, category):
            shared: dict[str, Any] = {"weights": arm.predictor().weights, "n": n}
            yield TriggerAblation.of(domain=taught, against=other, **shared)
            yield TriggerAblation.of(domain=other, against=taught, **shared)
            if p.patched:
                yield ActivationPatching.of(domain=other, against=taught, **shared)


def _is_probed(p: Params, arm: Arm, category: str) -> bool:
    """Without a proxy, and with the largest of the probed category itself, under the first strategy."""
    proxy = proxy_of(arm)
    if proxy is None:
        return True
    named = proxy.factors()
    first = next(iter(p.strategies)).partition("=")[0] == named["strategy"]
    return first and (named["proxy_category"], named["proxy_n_triggers"]) == (category, max(p.proxy_triggers))


def _similarities(p: Params) -> tuple[Measurement, ...]:
    if not (p.proxies and p.proxy_triggers):
        return ()
    embedders = [SentenceModel(), Weights.of(p.model)] if p.sentence_embedder else [Weights.of(p.model)]
    return tuple(CategorySimilarity(embedder=embedder, world=p.small_world) for embedder in embedders)
