"""Review: whether annotators agree, which labels are doubtful, and what becomes of them."""
