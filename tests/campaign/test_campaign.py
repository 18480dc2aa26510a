"""Nothing spoils a store: kills, power cuts, corruptions and runners side by side; `make campaign` is the long form."""

import multiprocessing as mp
import os
import random
from functools import partial
from pathlib import Path

import pytest

from support.campaign import Campaign, trained_plan
from support.toys import answered_plan

SEED = int(os.environ.get("CAMPAIGN_SEED", "0"))
SCALE = float(os.environ.get("CAMPAIGN_SCALE", "1"))  # of the numbers of rounds


def run(campaign: Campaign, kills: int, power_cuts: int, corruptions: int, runners: int, crowds: int) -> None:
    campaign.begin()
    campaign.kills(kills)
    campaign.power_cuts(power_cuts)
    campaign.corruptions(corruptions)
    campaign.runners(runners)
    campaign.crowds(crowds)
    for what, n in sorted(campaign.counts.items()):
        print(f"{n:6} {what}")
    assert not [what for what in campaign.counts if what.startswith("wrong")]


def test_a_short_campaign_on_steps_without_a_model(tmp_path: Path) -> None:
    campaign = Campaign(answered_plan, tmp_path, mp.get_context("fork"), random.Random(SEED))
    run(campaign, kills=2, power_cuts=6, corruptions=14, runners=1, crowds=1)


@pytest.mark.campaign
def test_the_campaign(tmp_path: Path, tiny_model: Path) -> None:
    """Train, take a snapshot, generate, choose and grade with a tiny model."""
    processes = mp.get_context("forkserver")
    processes.set_forkserver_preload(
        ["offdiag.models.lm", "offdiag.training.supervised", "offdiag.training.pretraining"]
    )
    campaign = Campaign(partial(trained_plan, tiny_model), tmp_path, processes, random.Random(SEED))
    rounds = {"kills": 40, "power_cuts": 60, "corruptions": 400, "runners": 15, "crowds": 3}
    run(campaign, **{what: max(1, round(n * SCALE)) for what, n in rounds.items()})
