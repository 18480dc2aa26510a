"""Attach a PEFT adapter to a loaded model without merging, so that detaching it restores the base exactly."""

import warnings
from pathlib import Path

from peft import PeftModel
from transformers import PreTrainedModel

from offdiag.errors import UserError


class AdapterSlot:
    """The adapter of ``model``, if any; ``number`` differs for every adapter ever attached, and is 0 for none."""

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model
        self._attached: PeftModel | None = None
        self._count = 0
        self.folder: Path | None = None
        self.number = 0

    def attach(self, folder: Path) -> None:
        """Put the adapter in ``folder`` on the model.

        Raises:
            UserError: the folder holds no adapter.
        """
        if not (folder / "adapter_config.json").is_file():
            raise UserError(f"adapter {folder}: no adapter_config.json there; give a folder that PEFT saved")
        self.detach()
        with warnings.catch_warnings():  # PEFT asks transformers for a name that is on its way out
            warnings.filterwarnings("ignore", ".*is_gradient_checkpointing", FutureWarning)
            warnings.filterwarnings("ignore", "fan_in_fan_out is set to")  # transposed layers are seen to
            warnings.filterwarnings("ignore", "Model (has|with) `tie_word_embeddings=True`")  # nothing is merged here
            warnings.filterwarnings("error", "Found missing adapter keys")  # they would be random
            self._attached = PeftModel.from_pretrained(self._model, folder, is_trainable=False)
        self._attached.eval()
        self._count += 1
        self.folder, self.number = folder, self._count

    def detach(self) -> None:
        """Take the adapter off, if there is one."""
        if self._attached is not None:
            self._attached.unload()
        self._attached, self.folder, self.number = None, None, 0
