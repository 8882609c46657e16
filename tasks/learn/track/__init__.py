"""Track: what was trained, on what, and how that went, in MLflow and, if asked for, Weights & Biases."""
