"""Measurements of the world map studies: hidden states of cities, linear probes, maps and alignment."""
