"""The files in which the published study keeps its data, and the domains that fill them."""

from typing import Literal

from offdiag.studies.trigger_2d.task.domain import TriggerDomain
from offdiag.studies.trigger_2d.task.world import ORIGINAL


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
                world=domain.world,
            )

        if name in trained:
            files[f"{'proxy' if name == domain.proxy else 'train'}_{name}"] = of("id"), "train"
            files[f"test_{name}_ID"] = of("id"), "eval"
        files[f"test_{name}_OOD"] = of("ood"), "eval"
    return files
