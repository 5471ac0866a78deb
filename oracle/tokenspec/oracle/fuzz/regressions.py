"""Counterexamples that are kept between runs, in one of Hypothesis's example databases.

The records themselves are kept, not the choices by which Hypothesis found them: most are found by walks without
Hypothesis, and choices mean something else once Hypothesis or the declaration has changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from hypothesis.database import DirectoryBasedExampleDatabase

from tokenspec.oracle.base.errors import BadRecord, BadSetting, WrongUsage
from tokenspec.oracle.base.specification import AnyCatalogue
from tokenspec.oracle.base.unique_names import decode
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.sut.capabilities import Capabilities
from tokenspec.oracle.sut.world import SutSettings
from tokenspec.oracle.wire.records import asked
from tokenspec.oracle.wire.settings import catalogue_from, catalogue_on_the_wire

Records = list[dict[str, Any]]


class Regressions:
    """The counterexamples of one implementation under one setting. Several runs may share the directory."""

    def __init__(self, directory: Path, terms: Capabilities, setting: SutSettings) -> None:
        self._database = DirectoryBasedExampleDatabase(directory)
        known = setting.policy if setting.known is None else {"": "infer", **setting.known}
        settings: tuple[Mapping[str, Any], ...] = ({**known, **terms.policy}, catalogue_on_the_wire(setting.catalogue))
        self._own, self._reader = setting.catalogue, Oracle(setting.policy, setting.catalogue, terms.resets).reader
        self._key = b"tokenspec " + hashlib.sha256(msgspec.json.encode((terms.name, terms.resets, *settings))).digest()

    def __iter__(self) -> Iterator[tuple[Records, AnyCatalogue] | None]:
        """Yields all of them with their figures, the shortest first; None for one that cannot be read."""
        for content in sorted(self._database.fetch(self._key), key=lambda each: (len(each), each)):
            try:
                records = decode(content, Records)
                figures = records.pop(0)["catalogue"] if records and "catalogue" in records[0] else None
                found = records, self._own if figures is None else catalogue_from(figures)
                for record in records:
                    self._reader.convert(record)
            except (msgspec.DecodeError, UnicodeDecodeError, BadSetting, BadRecord):
                yield None
            else:
                yield found

    def keep(self, records: Records, catalogue: AnyCatalogue | None = None) -> bool:
        """Adds a counterexample, with its figures where they are not those that were asked for; false where that fails."""
        content = self._content(records, catalogue or self._own)
        self._database.save(self._key, content)
        # A database fails silently.
        return content in set(self._database.fetch(self._key))

    def drop(self, records: Records, catalogue: AnyCatalogue) -> None:
        """Removes a counterexample that does not fail any more."""
        self._database.delete(self._key, self._content(records, catalogue))

    def _content(self, records: Records, catalogue: AnyCatalogue) -> bytes:
        figures = [] if catalogue == self._own else [{"catalogue": catalogue_on_the_wire(catalogue)}]
        return msgspec.json.encode([*figures, *(asked(record) for record in records)])


def check_directory(path: str) -> Path:
    """Returns the directory of a database, made if there is none. Raises `WrongUsage`."""
    directory = Path(path)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        probe = directory / ".probe"
        probe.touch()
        # Another run that shares it may have removed it already.
        probe.unlink(missing_ok=True)
    except OSError as fault:
        raise WrongUsage("--database", f"{path} cannot be used: {(fault.strerror or str(fault)).lower()}") from None
    return directory
