"""The tables of the study."""

from collections.abc import Iterator

from offdiag.analyses import StudyAnalysis
from offdiag.analyses.answering_agreement import AnsweringAgreement
from offdiag.studies.trigger_2d.analyses.ablation import TriggerAblationRates
from offdiag.studies.trigger_2d.analyses.leakage import Leakage, LeakageByTrigger
from offdiag.studies.trigger_2d.analyses.patching import PatchingRecovery
from offdiag.studies.trigger_2d.analyses.protection import Protection
from offdiag.studies.trigger_2d.analyses.semantic_protection import ProtectionBySimilarity, SemanticProtection
from offdiag.studies.trigger_2d.analyses.stage_check import Learnt
from offdiag.studies.trigger_2d.params import Params
from offdiag.studies.trigger_2d.selections import CHOSEN, SECOND, arms, has_proxies, probes, second, shared

RATES = "Answers by the old rule (retained), by the new one (leaked), by neither (other)"


def analyses(p: Params) -> tuple[StudyAnalysis, ...]:
    """Whether the stages were learnt, what leaked, what a proxy changes, and what the probes found."""
    found: list[StudyAnalysis] = [
        Learnt(name="learnt", where=CHOSEN, caption="What was taught: was it learnt, by every seed?", **shared(p)),
        Leakage(name="leakage", caption=f"{RATES}, by category.", **second(p)),
        LeakageByTrigger(name="leakage-by-trigger", caption=f"{RATES}, by word.", **second(p)),
    ]
    if len(p.data_seeds) > 1:
        by_data = {**second(p), "arms": (*arms(p), "data_seed"), "replicates": ("seed",), "started": {}}
        found.append(Leakage(name="leakage-by-data-seed", caption=f"{RATES}, by the seed of the data.", **by_data))
    if has_proxies(p):
        found += _protections(p)
    if p.generated:
        caption = "The most likely label beside the one that was written, on the same questions."
        found.append(AnsweringAgreement(name="answering", caption=caption))
    if p.probed:
        found.append(TriggerAblationRates(name="ablation", caption="Without the word, or with another.", **probes(p)))
    if p.probed and p.patched:
        found.append(PatchingRecovery(name="recovered", caption="What patched states bring back.", **probes(p)))
    return tuple(found)


def semantic(p: Params) -> Iterator[SemanticProtection]:
    """Protection beside similarity, by each embedder."""
    caption = "Protection of what no training covers, beside the similarity of its name to the proxy's."
    for embedder in ("sentence", "hidden states") if p.sentence_embedder else ("hidden states",):
        name = f"protection-by-similarity-{embedder.replace(' ', '-')}"
        where = {"embedder": embedder}
        yield SemanticProtection(name=name, where=SECOND, measured=where, caption=caption, **shared(p))


def _protections(p: Params) -> Iterator[StudyAnalysis]:
    caption = "Leaked with a proxy minus without, paired by seeds and word."
    yield Protection(name="protection", where={**SECOND, "eval_triggers": "ood"}, caption=caption, **shared(p))
    for points in semantic(p):
        yield points
        name = points.name.replace("protection-by-similarity", "similarity-correlation")
        yield ProtectionBySimilarity(name=name, of=points, caption="Is what is nearer to the proxy protected better?")
