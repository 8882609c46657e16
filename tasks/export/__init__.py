"""Export: samples in the formats of other tools, and advice on what the source need not keep."""
