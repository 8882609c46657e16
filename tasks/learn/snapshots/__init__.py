"""Snapshots: which samples, with which labels, on which side."""
