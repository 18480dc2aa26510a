"""Computations of :class:`offdiag.models.lm.LM`: shared prefixes, attention, batched decoding, scoring."""
