"""Run a Trainer: leave the process as it was found, and go on at the last complete checkpoint."""

import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from transformers import Trainer
from transformers.utils import logging

from offdiag.training.checkpoints import last_complete
from offdiag.training.history import Row, rows


@contextmanager
def process_untouched() -> Iterator[None]:
    """Restore on leaving the global generators of Python, NumPy and torch, warnings, and transformers' log level.

    The Trainer seeds all of them, and lowers the log level for good.
    """
    python, numpy, verbosity = random.getstate(), np.random.get_state(), logging.get_verbosity()
    try:
        with warnings.catch_warnings(), torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            # PEFT asks the model by a name that transformers has renamed.
            warnings.filterwarnings("ignore", ".*is_gradient_checkpointing", FutureWarning)
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        logging.set_verbosity(verbosity)


def train_to_end(trainer: Trainer, folder: Path) -> list[Row]:
    """Train from the last complete checkpoint of ``folder`` on, or from the beginning; return the history."""
    checkpoint = last_complete(folder / "checkpoints")
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    return rows(trainer.state)
