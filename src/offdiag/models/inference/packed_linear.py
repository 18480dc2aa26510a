"""Linear layers whose weights are laid out for the CPU in advance, not in every call.

oneDNN multiplies fastest when the weights lie in blocks of its own choosing; PyTorch's linear layer takes them as they
are. Laid out once, SmolLM2-135M answers 64 rows in about 60 % of the time on two AVX-512 cores (float32).
"""

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from offdiag.models.limits import PACKED_BYTES

# Rows of the multiplication that the layout is chosen for; others work as well.
_TYPICAL_ROWS = 64


def packed_dtypes() -> tuple[torch.dtype, ...]:
    """Return the number formats that oneDNN can lay out on this processor: bfloat16 needs AVX-512 or AVX-NE-CONVERT."""
    bf16 = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return (torch.float32, torch.bfloat16) if bf16 else (torch.float32,)


class PackedLinear(nn.Linear):
    """A linear layer for inference on the CPU: the parameters of ``linear``, and a packed copy of its weights."""

    def __init__(self, linear: nn.Linear) -> None:
        nn.Module.__init__(self)
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.weight, self.bias = linear.weight, linear.bias
        self._packed = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), _TYPICAL_ROWS)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (the name that nn.Linear gives it)
        """Return the same product as ``nn.Linear``, up to rounding."""
        product: Tensor = torch.ops.mkldnn._linear_pointwise(input, self._packed, self.bias, "none", [], "")
        return product


def pack_linears(model: PreTrainedModel) -> int:
    """Pack the linear layers of ``model`` where that pays, and return how many were packed."""
    nbytes = sum(parameter.nbytes for parameter in model.parameters())
    if model.device.type != "cpu" or nbytes > PACKED_BYTES or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return 0
    dtypes = packed_dtypes()
    plain = [
        (name, module)
        for name, module in model.named_modules()
        if type(module) is nn.Linear and module.weight.dtype in dtypes
    ]
    for name, module in plain:
        model.set_submodule(name, PackedLinear(module))
    return len(plain)


def unpack_linears(model: PreTrainedModel) -> None:
    """Put plain linear layers, with the same parameters, back in the place of packed ones."""
    packed = [(name, module) for name, module in model.named_modules() if isinstance(module, PackedLinear)]
    for name, module in packed:
        linear = nn.Linear(module.in_features, module.out_features, bias=module.bias is not None, device="meta")
        linear.weight, linear.bias = module.weight, module.bias
        model.set_submodule(name, linear)
