"""Ingest: list a source, plan batches, read each file once and measure it."""
