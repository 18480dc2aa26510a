"""Measurements of the world map studies: hidden states, linear probes, maps, alignment."""
