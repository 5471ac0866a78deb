"""Records restricted to the fields and values that an implementation takes."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from tokenspec.oracle.base.errors import BadRecord
from tokenspec.oracle.base.specification import SPEC, AnyCatalogue
from tokenspec.oracle.sut.capabilities import Capabilities
from tokenspec.oracle.wire.records import Reader


def fit(
    record: dict[str, Any], terms: Capabilities, keys: Mapping[str, bool], catalogue: AnyCatalogue, reader: Reader, number: int
) -> dict[str, Any] | None:
    """Returns the record with values that the implementation takes; None where that is impossible, or it would be malformed.

    `keys` are the fields of its event that may hold what is not taken, true for those that may be left out; `number` chooses
    among the values.
    """
    barred = [key for key in keys if key in record and not terms.takes(key, record[key], keys[key])] if keys else None
    if not barred:
        return record
    fitted = dict(record)
    while barred:
        key = barred.pop(0)
        taken = [value for value in terms.values.get(key, ()) if terms.takes(key, value, keys[key])]
        if taken:
            fitted[key] = taken[number % len(taken)]
        elif key not in terms.values and type(fitted[key]) is int:
            fitted[key] = max(-terms.largest, min(record[key], terms.largest))
        elif keys[key]:
            del fitted[key]
            for said in reader.declared[record["event"]].fields:
                if said.instead == key:
                    fitted[said.key] = SPEC.facts[said.name](catalogue)(SimpleNamespace(**record))
                    barred += [] if terms.takes(said.key, fitted[said.key]) else [said.key]
        else:
            return None
    try:
        reader.convert(fitted)
    except BadRecord:
        return None
    return fitted
