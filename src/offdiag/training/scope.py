"""A scope that leaves the process as it found it: the Trainer seeds every generator and lowers transformers' voice."""

import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from transformers.utils import logging


@contextmanager
def process_untouched() -> Iterator[None]:
    """Restore on leaving: the global generators of Python, NumPy and torch, warnings, and transformers' log level."""
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
