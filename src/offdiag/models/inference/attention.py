"""Attention over a prefix that all rows share and the suffix that each row owns.

The queries of all rows meet the keys of the prefix in one matrix product per head, as if they were one long sequence,
and the two partial results are joined by their log-sum-exps (Hydragen, arXiv 2402.05099, section 3.1):

    out = (out_prefix * exp(lse_prefix) + out_suffix * exp(lse_suffix)) / (exp(lse_prefix) + exp(lse_suffix))

It is registered with transformers as the attention ``offdiag_shared_prefix``; a model receives the prefix as the
keyword ``shared_prefix``, which transformers hands down to the attention. Without a prefix it is ordinary SDPA.

So the keys of the prefix are read from memory once for all rows, not once per row; that is what makes many questions
after one long prompt cheap.

Shapes: R rows, H heads, G key-value heads, n = H / G query heads per key-value head, T queries per row, S keys of the
suffix, P keys of the prefix, D dimensions per head.
"""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

if TYPE_CHECKING:
    from offdiag.models.inference.prefix_cache import Prefix

SHARED_PREFIX = "offdiag_shared_prefix"


def shared_prefix_attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float,
    shared_prefix: "Prefix | None" = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Compute the attention of one layer, called as transformers calls it.

    Args:
        module: the attention layer; its ``layer_idx`` chooses the layer of the prefix.
        query: [R, H, T, D].
        key: [R, G, S, D], the suffix only.
        value: [R, G, S, D].
        attention_mask: [R or 1, 1, T, S], added to the scores of the suffix; the prefix is seen by all queries.
        scaling: factor on the scores.
        shared_prefix: keys and values of the prefix, or None for ordinary attention.
        kwargs: what else transformers passes.

    Returns:
        The output [R, T, H, D], and None for the weights.
    """
    if shared_prefix is None:
        output, _ = sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **kwargs)
        return output, None
    prefix_key, prefix_value = shared_prefix.layer(int(module.layer_idx))  # type: ignore[arg-type]
    rows, heads, length, width = query.shape
    groups = key.shape[1]
    # Query heads that share a key-value head are stacked as further queries, so that keys need not be repeated. For the
    # prefix those of all rows are stacked, too: one sequence of RnT queries that meets one set of keys. It needs no
    # mask, as every query comes after the whole prefix.
    packed = query.reshape(rows, groups, -1, width)  # [R, G, nT, D]
    across = packed.transpose(0, 1).reshape(1, groups, -1, width)  # [1, G, RnT, D]
    prefix, prefix_lse = attend(across, prefix_key, prefix_value, None, scaling)
    prefix = prefix.view(groups, rows, -1, width).transpose(0, 1).reshape(query.shape)
    prefix_lse = prefix_lse.view(groups, rows, -1).transpose(0, 1).reshape(rows, heads, length, 1)
    if length == 1:  # all stacked queries have the one mask of their row
        suffix, suffix_lse = attend(packed, key, value, attention_mask, scaling)
    else:  # the mask differs from query to query, so that they cannot be stacked
        repeats = heads // groups
        repeated = key.repeat_interleave(repeats, 1), value.repeat_interleave(repeats, 1)
        suffix, suffix_lse = attend(query, *repeated, attention_mask, scaling)
    suffix, suffix_lse = suffix.reshape(query.shape), suffix_lse.reshape(rows, heads, length, 1)
    # exp(a) / (exp(a) + exp(b)) is sigmoid(a - b), which cannot overflow: the formula above is an interpolation.
    # It is computed in float32, so that a model in 16 bits rounds once.
    output = torch.lerp(suffix.float(), prefix.float(), torch.sigmoid(prefix_lse - suffix_lse).float())
    return output.to(query.dtype).transpose(1, 2).contiguous(), None


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scaling: float) -> tuple[Tensor, Tensor]:
    """Return the output [B, H, T, D] and the log-sum-exp of the scores [B, H, T]; each head has its own keys."""
    if query.device.type == "cpu":
        # The public function does not return the log-sum-exps, without which two parts cannot be joined.
        output, lse = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
            query, key, value, 0.0, False, attn_mask=mask, scale=scaling
        )
        return output, lse
    return attend_in_chunks(query, key, value, mask, scaling)


def attend_in_chunks(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scaling: float, at_once: int = 1 << 27
) -> tuple[Tensor, Tensor]:
    """Return what :func:`attend` does without a fused kernel; at most ``at_once`` scores exist at a time (512 MiB)."""
    queries = max(1, at_once // (query.shape[0] * query.shape[1] * key.shape[2]))
    outputs, sums = [], []
    for start in range(0, query.shape[2], queries):
        scores = torch.matmul(query[:, :, start : start + queries], key.transpose(2, 3)).float().mul_(scaling)
        if mask is not None:
            scores += mask if mask.shape[2] == 1 else mask[:, :, start : start + queries]
        lse = torch.logsumexp(scores, dim=-1, keepdim=True)
        outputs.append(torch.matmul(scores.sub_(lse).exp_().to(value.dtype), value))
        sums.append(lse.squeeze(-1))
    return torch.cat(outputs, 2), torch.cat(sums, 2)


AttentionInterface.register(SHARED_PREFIX, shared_prefix_attention)
AttentionMaskInterface.register(SHARED_PREFIX, sdpa_mask)
