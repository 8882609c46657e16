"""Places where people label, one file each. A new one: copy a file, and name it in tasks/annotate/place.py."""
