"""Readers of the data sets: one module per data set, and readers of files and of the hub."""
