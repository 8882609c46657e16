"""Models: how they lie on file, what they predict, and which one is the champion."""
