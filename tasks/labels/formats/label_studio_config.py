"""The labelling page that Label Studio shows for an ontology: its XML and its instructions.

Classes and answers are controls of fixed names; an attribute's control has the attribute's name in it, so that results
can be read without the ontology.
"""

import html
import re
import urllib.parse
from xml.etree.ElementTree import Element, SubElement, tostring

import defusedxml.ElementTree

from tasks.labels.ontology import Attribute, Ontology
from tasks.store.errors import UsageError

IMAGE, LABEL, POLYGON, BRUSH, ANSWER = "image", "label", "polygon", "brush", "answer"

YES_OR_NO = {True: "yes", False: "no"}

_ANSWERS = {"empty": "Nothing of what is asked for is here.", "unusable": "Nobody can label this picture."}

_SHAPES = {
    "boxes": [("RectangleLabels", LABEL)],
    "masks": [("PolygonLabels", POLYGON), ("BrushLabels", BRUSH)],
}

_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_config(ontology: Ontology, *, asks: bool = False) -> str:
    """The XML. With `asks`, every task shows its `note`.

    Raises:
        UsageError: a name or a text of the ontology holds a character that XML has no way to write.
    """
    page = Element("View")
    if asks:
        SubElement(page, "Header", value="$note", size="4")
    SubElement(page, "Image", name=IMAGE, value="$image", zoom="true", zoomControl="true")
    for tag, name in _SHAPES.get(ontology.type, []):
        _add_classes(SubElement(page, tag, name=name, toName=IMAGE), "Label", ontology)
    if ontology.type not in _SHAPES:
        how = "single" if ontology.type == "class" else "multiple"
        _add_classes(
            SubElement(page, "Choices", name=LABEL, toName=IMAGE, choice=how, showInLine="true"), "Choice", ontology
        )
    for attribute in ontology.attributes:
        _add_attribute(page, attribute, of_shapes=ontology.type in _SHAPES)
    answers = SubElement(page, "Choices", name=ANSWER, toName=IMAGE, choice="single", showInLine="true")
    for value, hint in _ANSWERS.items():
        SubElement(answers, "Choice", value=value, hint=hint)
    text = tostring(page, encoding="unicode")
    if found := _NOT_IN_XML.search(text):
        raise UsageError(
            f"The ontology {ontology.name} holds the character {found[0]!r}, which Label Studio cannot show."
        )
    return text


def as_instructions(ontology: Ontology) -> str:
    """What annotators read first, as HTML: the guideline, and what each class is."""
    parts = [f"<p>{_escaped(ontology.guideline)}</p>"] if ontology.guideline else []
    told = [(one.name, _told(one.definition, one.guideline)) for one in ontology.classes]
    rows = [f"<li><b>{_escaped(name)}</b>: {_escaped(text)}</li>" for name, text in told if text]
    return "".join([*parts, *(["<ul>", *rows, "</ul>"] if rows else [])])


def keeping_controls(config: str, there: str) -> str:
    """The page with what is there and not in it: controls that people added, and, hidden, those of older attributes.

    Label Studio refuses to lose a control that annotations were made with.
    """
    page = defusedxml.ElementTree.fromstring(config)
    try:
        old = defusedxml.ElementTree.fromstring(there)
    except (SyntaxError, ValueError):
        return config
    names = {element.get("name") for element in page.iter()}
    lost = [one for one in old.iter() if one.get("toName") == IMAGE and one.get("name") not in names]
    if not lost:
        return config
    retired = [one for one in lost if as_attribute(one.get("name") or "", "")]
    page.extend(one for one in lost if one not in retired)
    if retired:
        SubElement(page, "View", style="display:none").extend(retired)
    return tostring(page, encoding="unicode")


def attribute_control(name: str, *, is_flag: bool) -> str:
    """The name of an attribute's control."""
    return f"{'flag' if is_flag else 'attribute'}-{urllib.parse.quote(name, safe='')}"


def as_attribute(control: str, choice: str) -> tuple[str, str | bool] | None:
    """The attribute, and what it is, that a choice in a control says; None for the control of something else."""
    kind, dash, name = control.partition("-")
    if not dash or kind not in ("flag", "attribute"):
        return None
    return urllib.parse.unquote(name), choice == YES_OR_NO[True] if kind == "flag" else choice


def _add_classes(control: Element, tag: str, ontology: Ontology) -> None:
    for one in ontology.classes:
        _add_choice(control, tag, one.name, _told(one.definition, one.guideline))


def _add_attribute(page: Element, attribute: Attribute, *, of_shapes: bool) -> None:
    name = attribute_control(attribute.name, is_flag=not attribute.values)
    block = SubElement(page, "View")
    SubElement(block, "Header", value=_literal(attribute.name), size="5")
    choices = SubElement(block, "Choices", name=name, toName=IMAGE, choice="single", showInLine="true")
    if of_shapes:
        block.set("visibleWhen", "region-selected")
        choices.set("perRegion", "true")
    for value in attribute.values or YES_OR_NO.values():
        _add_choice(choices, "Choice", value)


def _add_choice(control: Element, tag: str, value: str, hint: str = "") -> None:
    """A choice; one with a dollar sign, behind which the page would look for data, is shown with another sign."""
    shown = _literal(value)
    choice = SubElement(control, tag, value=shown)
    if shown != value:
        choice.set("alias", value)
    if hint:
        choice.set("hint", hint)


def _literal(text: str) -> str:
    return text.replace("$", "＄")


def _told(*texts: str) -> str:
    return " ".join(text for text in texts if text)


def _escaped(text: str) -> str:
    return html.escape(text).replace("\n", "<br>")
