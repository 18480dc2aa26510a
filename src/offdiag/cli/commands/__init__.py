"""The commands, one file per command. A file is imported when its command is called."""
