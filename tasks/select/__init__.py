"""Select: which samples of the pool are worth a label, in which order, and why."""
