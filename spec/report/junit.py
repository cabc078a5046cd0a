"""The report as JUnit XML: a test case for every check at every point."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from ..judge.verdict import Verdict
from . import digest
from .digest import Data, Decided

BAD: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML does not take."""
TAGS: Final = {
    Verdict.FAIL: "failure", Verdict.ERROR: "error", Verdict.INCONCLUSIVE: "error",
    Verdict.KNOWN: "skipped", Verdict.ABSENT: "skipped",
}
"""How JUnit names a verdict that is no pass; what is not decided is no success."""


def render(data: Data) -> str:
    """The XML."""
    every = list(digest.points(data))
    tags = Counter(TAGS[Verdict(p.verdict)] for p in every if p.verdict != Verdict.PASS)
    numbers = {"tests": str(len(every)), "failures": str(tags["failure"]),
               "errors": str(tags["error"]), "skipped": str(tags["skipped"])}
    root = Element("testsuites", {"name": "state-ad-spec", **numbers})
    suite = SubElement(root, "testsuite", {"name": digest.title(data), **numbers})
    told = SubElement(suite, "properties")
    for name, value in digest.circumstances(data).items():
        SubElement(told, "property", {"name": name, "value": _clean(value)})
    for point in every:
        _add(suite, point)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _add(suite: Element, point: Decided) -> None:
    """Add the test case of a point; the script of a check is with the point that it is of."""
    rule, _, name = point.id.partition("/")
    case = SubElement(suite, "testcase", {"classname": rule, "name": _clean(name)})
    if point.verdict == Verdict.PASS:
        return
    reasons = dict.fromkeys(f" ({failure['known']})" for _, failure in point.told
                            if "known" in failure)
    found = SubElement(case, TAGS[Verdict(point.verdict)],
                       {"type": point.verdict, "message": _clean(point.message + "".join(reasons))})
    scripts = (failure["script"] for message, failure in point.told
               if message == failure["message"] and failure["script"])
    found.text = _clean("\n\n".join([digest.statement(rule), *scripts]))


def _clean(text: str) -> str:
    return BAD.sub("\N{REPLACEMENT CHARACTER}", text)
