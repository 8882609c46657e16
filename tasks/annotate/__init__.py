"""Annotate: hand selections off to the people who label, in the formats that their tools open."""
