"""What runs after what: the flows, their settings, and the command line."""
