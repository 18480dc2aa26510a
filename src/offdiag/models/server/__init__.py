"""Models behind a server that talks as OpenAI's does: their names, the questions, and what comes back."""
