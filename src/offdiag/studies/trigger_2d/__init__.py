"""The study family trigger-2d: the one study of that name."""
