"""Fit: train a model on a snapshot."""
