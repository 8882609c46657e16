"""Embed: a vector for every kept sample, from any timm backbone or from a weight-free descriptor."""
