"""Where items come from: one file for each data set, and readers of files and of the hub."""
