"""One file a command: what can be typed, and what it does. A file is imported when its command is called."""
