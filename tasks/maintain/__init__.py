"""Maintain: keep the tables few and fast, and take away what nothing needs any more."""
