"""Report: the page and the pictures that people look at."""
