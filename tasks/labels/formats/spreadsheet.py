"""Text in CSV files that spreadsheets open: what one would run as a formula begins with an apostrophe instead."""

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r]")


def unarmed(text: str) -> str:
    """The text, no formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def armless(text: str) -> str:
    """What `unarmed` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text
