"""Learn: snapshots, training, evaluation, and which model is the champion."""
