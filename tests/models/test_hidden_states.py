from pathlib import Path

import numpy as np
import pytest
import torch
from lms import SHORT, tiny_lm

from offdiag.errors import UserError
from offdiag.models.chat import tokenise


@pytest.mark.parametrize("positions", ["last", "mean"])
@pytest.mark.parametrize("budget", [1, 100_000])
def test_hidden_states_are_those_of_each_prompt_alone(tiny: Path, positions: str, budget: int) -> None:
    lm = tiny_lm(tiny, budget=budget)
    layers = [2, 0, 1]
    found = lm.hidden_states(SHORT, layers, positions)  # type: ignore[arg-type]
    assert found.shape == (len(SHORT), 3, 32)
    assert found.dtype == np.float32
    for prompt, states in zip(SHORT, found, strict=True):
        with torch.inference_mode():
            ids = torch.tensor([tokenise(lm.tokenizer, prompt).ids])
            all_states = lm.model(ids, output_hidden_states=True).hidden_states
        for layer, state in zip(layers, states, strict=True):
            whole = all_states[layer][0]
            expected = whole[-1] if positions == "last" else whole.mean(0)
            np.testing.assert_allclose(state, expected.numpy(), atol=2e-5)


def test_a_layer_that_is_not_there(tiny: Path) -> None:
    with pytest.raises(UserError, match=r"layers \[3\]: this model has layers 0 \(embeddings\) to 2"):
        tiny_lm(tiny).hidden_states(["a"], [0, 3], "last")
