"""Files that others read of the study family easy to hard."""
