"""Whether a report is what its form says: against the JSON Schema of SARIF and the XML Schema of JUnit."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from jsonschema import Draft4Validator
from xmlschema import XMLSchema

SCHEMAS = Path(__file__).parent / "schemas"


@cache
def _sarif() -> Draft4Validator:
    return Draft4Validator(json.loads((SCHEMAS / "sarif-2.1.0-rtm.5.json").read_text()))


@cache
def _junit() -> XMLSchema:
    return XMLSchema(str(SCHEMAS / "junit-10.xsd"))


def sarif(text: str) -> Any:
    """The one run of a log that keeps to the schema."""
    log = json.loads(text)
    _sarif().validate(log)
    (run,) = log["runs"]
    return run


def junit(text: str) -> ElementTree.Element:
    """A report that keeps to the schema, and whose counts are right."""
    _junit().validate(text)
    root = ElementTree.fromstring(text)
    for suite in root:
        cases = suite.findall("testcase")
        counts = {"tests": len(cases)} | {
            many: sum(case.find(one) is not None for case in cases)
            for many, one in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped"))
        }
        assert {name: int(suite.attrib[name]) for name in counts} == counts
    return root
