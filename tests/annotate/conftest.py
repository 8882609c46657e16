"""Fixtures: `settings` of a root with three samples, unless a file has others."""

from tests.curated import curated, settings

__all__ = ["curated", "settings"]
