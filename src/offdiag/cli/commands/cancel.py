"""``offdiag cancel``: end the workers that were submitted for a study."""

from offdiag.cli.options import Scale, Sets, StoreFolder, StudyName, command, planned
from offdiag.cli.tables import say
from offdiag.errors import UserError, some


def cancel(
    study: StudyName,
    scale: Scale = "quick",
    sets: Sets = None,
    store: StoreFolder = None,
) -> None:
    """End the workers that were submitted for a study.

    Each gives its step back, with what is made of it; everything that was finished is kept.
    """
    from offdiag.api import open_store
    from offdiag.slurm import Campaign

    plan, place = planned(study, scale, sets), open_store(store)
    campaign = Campaign.of(plan, place)
    if not campaign.jobs:
        raise UserError(
            f"no workers were submitted for {plan.study.name} at scale {plan.scale} in {place.root}: give the --set "
            "and --store that they were submitted with"
        )
    workers = campaign.tasks()
    campaign.cancel()
    say(f"{some(sum(workers.values()), 'worker is', 'workers are')} told to end: jobs {', '.join(campaign.jobs)}")
    say(f"To go on: {command('run', plan, place)}")
