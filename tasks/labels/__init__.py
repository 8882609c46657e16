"""What a label is: the schema that annotators work by, the values that it allows, and the one current truth."""
