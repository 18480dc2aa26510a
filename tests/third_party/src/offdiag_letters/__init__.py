"""Spelling words backwards, with offdiag."""
