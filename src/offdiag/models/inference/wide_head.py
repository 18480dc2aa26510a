"""The head of a model in 16 bits, computed in float32: logits that are not rounded.

A logit of 20 in bfloat16 is a multiple of 0.125: near ties become ties or change sides, and a log-probability moves by
that much where the states before the head moved by a rounding. The weights keep their 16 bits, whose products float32
holds exactly; the sum over them is what is no longer rounded.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import linear
from transformers import PreTrainedModel


class WideHead(nn.Linear):
    """A linear layer with the parameters of ``head``, in 16 bits, whose product is float32.

    CUDA multiplies 16-bit numbers into float32 by itself; elsewhere a float32 copy of the weights is kept.
    """

    def __init__(self, head: nn.Linear) -> None:
        nn.Module.__init__(self)
        self.in_features, self.out_features = head.in_features, head.out_features
        self.weight, self.bias = head.weight, head.bias
        self._copy = None if head.weight.is_cuda else head.weight.detach().float()

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (the name that nn.Linear gives it)
        """Return the product in float32."""
        bias = None if self.bias is None else self.bias.float()
        if self._copy is not None:
            return linear(input.float(), self._copy, bias)
        product = torch.mm(input.flatten(0, -2), self.weight.t(), out_dtype=torch.float32)
        product = product.view(*input.shape[:-1], self.out_features)
        return product if bias is None else product + bias


def widen_head(model: PreTrainedModel) -> bool:
    """Let a model in 16 bits compute its logits in float32; say whether its head is one that can."""
    head = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    if type(head) is not nn.Linear or head.weight.dtype not in (torch.bfloat16, torch.float16):
        return False
    name = next(name for name, module in model.named_modules() if module is head)
    model.set_submodule(name, WideHead(head))
    return True
