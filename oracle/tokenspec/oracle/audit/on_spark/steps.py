"""A step that workers of Spark take. It is imported before the specification is chosen, and imports nothing made from one."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow

from tokenspec.oracle.audit.map_model import LedgerMap
from tokenspec.oracle.audit.on_spark.tables import fault_of
from tokenspec.oracle.base.chosen import VARIABLE
from tokenspec.oracle.base.errors import BadSetting


@dataclass(frozen=True)
class WorkerSettings:
    """The settings of an audit, in the form in which they reach another process."""

    spec: str
    folder: str
    """The folder that the specification's module was found from."""
    digest: str
    policy: dict[str, str]
    catalogue: dict[str, Any]
    resets: str
    ledger_map: LedgerMap
    keeps_state: bool
    order: tuple[str, ...] = ()
    """The columns of the frame that order records at one instant; a map has its own."""
    is_spliced: bool = False
    """True where the observation is JSON text in a column of its own."""
    is_numbered: bool = True
    """False where rows have no number, and are told by the values that order them."""
    explained: dict[str, tuple[int, int]] | None = None
    """By account, the number of its first divergences that are explained, and for which ties are tried; None where none is."""


@dataclass(frozen=True)
class WorkerStep:
    """The step of the class `MODULE:NAME`, which is given the settings; its rows are of `schema`."""

    name: str
    settings: WorkerSettings
    schema: pyarrow.Schema

    def __call__(self, batches: Iterator[pyarrow.RecordBatch]) -> Iterator[pyarrow.RecordBatch]:
        """Yields what the step makes of one partition, or a row that says why it could not be taken."""
        settings = self.settings
        os.environ[VARIABLE] = settings.spec
        if settings.folder not in sys.path and os.path.isdir(settings.folder):
            sys.path.append(settings.folder)
        module, _, name = self.name.partition(":")
        try:
            from tokenspec.oracle.base.provenance import declaration

            if declaration() != settings.digest:
                raise BadSetting("workers", "they have another declaration of the account; install the driver's version there")
            yield from getattr(importlib.import_module(module), name)(settings, self.schema).made_of(batches)
        except BadSetting as fault:
            yield fault_of(self.schema, str(fault))
        except OSError as fault:
            yield fault_of(self.schema, f"{fault.filename}: {fault.strerror}")
