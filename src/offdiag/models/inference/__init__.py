"""How :class:`offdiag.models.lm.LM` computes: shared prefixes, attention, batches of rows, decoding, scoring."""
