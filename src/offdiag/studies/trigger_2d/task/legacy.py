"""The sampling of the published study, kept for comparison: its points, triggers and templates, seed by seed.

Every category and every file restarts one and the same generator. So all categories get the same points, the points of
the ``ood`` test are those of the ``id`` test, training and test share coordinates (though no point), and neither
quadrants nor labels are balanced; rows stay grouped by trigger. Its files are written in the same form.
"""

import random
from typing import Literal

import numpy as np

from offdiag.studies.trigger_2d.task.domain import TriggerDomain
from offdiag.studies.trigger_2d.task.prompts import PRESETS
from offdiag.studies.trigger_2d.task.stratified import TriggerPoint, seed_of
from offdiag.studies.trigger_2d.task.world import ORIGINAL, Category


def points(domain: TriggerDomain, split: str, seed: int) -> list[TriggerPoint]:
    """Return all points of a split, as many per trigger as the category says, category after category."""
    return [point for category in domain.categories for point in _of_category(domain, category, split, seed)]


def chosen_triggers(domain: TriggerDomain, category: Category, seed: int) -> tuple[str, ...]:
    """Return the triggers of a category that the domain uses.

    ``id``: a sample drawn by Python's own generator under ``seed``; ``ood``: all others, in the order of the list.
    """
    sample = random.Random(seed_of(category, seed)).sample(category.triggers, domain.count(category))
    if domain.triggers == "id":
        return tuple(sample)
    return tuple(trigger for trigger in category.triggers if trigger not in sample)


def _of_category(domain: TriggerDomain, category: Category, split: str, seed: int) -> list[TriggerPoint]:
    # As published: the generator restarts here, for every category.
    generator, n = np.random.default_rng(seed_of(category, seed)), category.points(split)
    x1s, x2s = domain.world.ranges(category)
    drawn = [
        (trigger, x1, x2)
        for trigger in chosen_triggers(domain, category, seed)
        for x1, x2 in zip(_along(x1s, n, generator), _along(x2s, n, generator), strict=True)
    ]
    templates = generator.integers(0, len(PRESETS[domain.preset(category)]), len(drawn)).tolist()
    return [TriggerPoint(category.name, *placed, template) for placed, template in zip(drawn, templates, strict=True)]


def _along(ends: tuple[float, float], n: int, generator: np.random.Generator) -> list[float]:
    return [float(x) for x in generator.uniform(*ends, n)]


def published_files(domain: TriggerDomain) -> dict[str, tuple[TriggerDomain, str]]:
    """Return the domain and the split of each published file, by its name.

    A category that is trained on has ``train_…`` (``proxy_…`` for the proxy) and ``test_…_ID``; every category has
    ``test_…_OOD``. Categories that are not trained on keep their original labels.
    """
    files = {}
    trained = {category.name: domain.count(category) for category in domain.categories if domain.count(category)}
    for name in domain.world.category_names:

        def of(triggers: Literal["id", "ood"], name: str = name) -> TriggerDomain:
            return TriggerDomain(
                category=name,
                triggers=triggers,
                rule=domain.rule if name in trained and name != domain.proxy else ORIGINAL,
                n_triggers=trained.get(name, 0),
                prompts=domain.prompts,
                sampling=domain.sampling,
                output_preamble=domain.output_preamble,
                world=domain.world,
            )

        if name in trained:
            is_proxy = name == domain.proxy or domain.world.category(name).is_proxy
            files[f"{'proxy' if is_proxy else 'train'}_{name}"] = of("id"), "train"
            files[f"test_{name}_ID"] = of("id"), "eval"
        if domain.sampling == "stratified" or trained.get(name, 0) < len(domain.world.category(name).triggers):
            files[f"test_{name}_OOD"] = of("ood"), "eval"
    return files
