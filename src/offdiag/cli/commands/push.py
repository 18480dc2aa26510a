"""``offdiag push``: upload one adapter or fine-tuned model to the hub, only with ``--yes``."""

from typing import Annotated

import typer

from offdiag.cli.options import StoreFolder, TrustedFiles
from offdiag.cli.tables import say
from offdiag.errors import UserError


def push(
    arm: Annotated[str, typer.Argument(metavar="ARM", help="A training: its name, its beginning, or a pattern.")],
    repo: Annotated[str, typer.Argument(metavar="REPO", help="Repository to upload to, as OWNER/NAME.")],
    yes: Annotated[bool, typer.Option("--yes", help="Upload; without it nothing leaves this machine.")] = False,
    public: Annotated[bool, typer.Option("--public", help="Let anybody see it; private otherwise.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the card and upload nothing.")] = False,
    files: TrustedFiles = None,
    store: StoreFolder = None,
) -> None:
    """Upload a trained adapter or model with a card that describes it.

    A whole model is one that was fine-tuned in all its weights. What belongs to a study file is pushed with
    --study my_study.py: what a store names is not run.
    """
    from offdiag.api import open_store
    from offdiag.sharing import find_training, model_card, push_training
    from offdiag.sharing.push import check_repo

    check_repo(repo)
    place = open_store(store)
    training = find_training(place, arm, files or ())
    card = model_card(training, repo, place)
    if dry_run:
        say(*card.removesuffix("\n").split("\n"))
        return
    if not yes:
        seen = "for anybody to see" if public else "private"
        raise UserError(
            f"nothing was uploaded: --yes sends {training.step.name} to {repo} ({seen}), --dry-run prints its card"
        )
    from huggingface_hub import HfApi

    say(f"Pushed: {push_training(HfApi(), training, repo, card, public=public)}")
