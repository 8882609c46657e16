"""XML as the formats write it."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

_REFUSED = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML cannot hold, not even escaped."""


def put(parent: ET.Element, tag: str, text: object = None, **attributes: object) -> ET.Element:
    """Add an element with a text."""
    element = ET.SubElement(parent, tag, {name: plain(value) for name, value in attributes.items()})
    if text is not None:
        element.text = plain(text)
    return element


def plain(value: object) -> str:
    """A value as XML can hold it: a character that it cannot hold becomes U+FFFD."""
    told = str(value).lower() if isinstance(value, bool) else str(value)
    return _REFUSED.sub("\ufffd", told)


def told(text: str | None) -> str | bool:
    """What `plain` wrote of an attribute."""
    return {"true": True, "false": False}.get((text or "").strip(), text or "")


def write_xml(path: Path, document: ET.Element) -> None:
    """Write a document, indented."""
    ET.indent(document)
    ET.ElementTree(document).write(path, encoding="utf-8", xml_declaration=True)
