"""The second step: the rows of whole accounts, in order, through the replay of every log."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby
from tempfile import SpooledTemporaryFile
from typing import IO, Any, NamedTuple

import msgspec
import pyarrow

from tokenspec.oracle.audit.mapped_logs import RecordsOfRows
from tokenspec.oracle.audit.on_spark.steps import WorkerSettings
from tokenspec.oracle.audit.on_spark.sums import AuditSum
from tokenspec.oracle.audit.on_spark.tables import BAD, DIVERGENCE, FAULT, FOUND, LATE, READ, ROW, SNAPSHOT, STATE, SUM, batch_of
from tokenspec.oracle.audit.tables import TableRow, positions_of
from tokenspec.oracle.base.errors import BadRecord, BadSetting, WentBack
from tokenspec.oracle.base.instants import parse_instant
from tokenspec.oracle.base.text import json_text, one_line
from tokenspec.oracle.logs.as_data import bad_data, divergence_data
from tokenspec.oracle.logs.kernel.run import SMALLEST, replay_by_kernel
from tokenspec.oracle.logs.policies_tried import explain, note_ties
from tokenspec.oracle.logs.reading import RowsRead
from tokenspec.oracle.logs.replay import Divergence, Report, replay
from tokenspec.oracle.runtime.journal import Account
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.snapshot import wrong_with
from tokenspec.oracle.wire.log_files import Line
from tokenspec.oracle.wire.settings import catalogue_from

CHUNK = 1 << 26
"""The size in bytes from which the accounts that were read are judged."""
_IN_MEMORY = 1 << 24
"""The size in bytes from which lines are kept on disk."""
_PLACE = tuple[str, int, str]
_ROWS_MAX = 10_000
"""The number of rows that are handed on at once."""
Found = tuple[str, str | None, int | None, str | None, int | None, str | None, str]


class ReadRow(NamedTuple):
    """A row that was read: its kind, the row, and the state or the line of a snapshot."""

    kind: str
    row: TableRow
    given: str


class RowChunk:
    """Lines of some accounts, kept on disk while they are judged, each with the place of its row; they can be read again."""

    def __init__(self) -> None:
        self.row_count = 0
        self.observes_answers: dict[str, bool] = {}
        """Empty: there is no first record of a file that could speak for the others."""
        self._content: IO[bytes] = SpooledTemporaryFile(_IN_MEMORY)
        self._places: IO[bytes] = SpooledTemporaryFile(_IN_MEMORY)
        self._ends, self._place_ends = array("Q", [0]), array("Q", [0])
        self._faults: dict[int, BadRecord] = {}
        self._encode = msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder(_PLACE).decode

    @property
    def length(self) -> int:
        """Returns the size of the lines."""
        return self._ends[-1]

    def add(self, line: Line) -> None:
        """Adds a line."""
        if line.fault is not None:
            self._faults[self.row_count] = line.fault
        self.row_count += 1
        self._content.write(line.content + b"\n")
        self._ends.append(self._ends[-1] + len(line.content) + 1)
        self._place_ends.append(self._place_ends[-1] + self._places.write(self._encode((line.file, line.number, line.key))))

    def __iter__(self) -> Iterator[Line]:
        """Yields the lines, each with the place of its row."""
        self._content.seek(0)
        self._places.seek(0)
        for position in range(self.row_count):
            content = self._content.read(self._ends[position + 1] - self._ends[position])[:-1]
            file, number, key = self._decode(self._places.read(self._place_ends[position + 1] - self._place_ends[position]))
            yield Line(file, number, -1, content, key=key, fault=self._faults.get(position))

    def close(self) -> None:
        """Gives the disk back."""
        self._content.close()
        self._places.close()


class PartitionJudge:
    """Judges the accounts of one partition, one after the other; memory is that of some megabytes of lines, or of one account."""

    def __init__(self, settings: WorkerSettings, schema: pyarrow.Schema) -> None:
        self._settings = settings
        self._oracle = Oracle(settings.policy, catalogue_from(settings.catalogue), settings.resets)
        self._records = RecordsOfRows(settings.ledger_map, positions_of(settings.ledger_map), self._oracle.reader)

    def made_of(self, batches: Iterator[pyarrow.RecordBatch]) -> Iterator[pyarrow.RecordBatch]:
        """Yields what was found."""
        found: list[Found] = []
        for each in self._found(_rows_of(batches)):
            found.append(each)
            if len(found) == _ROWS_MAX:
                yield batch_of(FOUND, found)
                found = []
        yield batch_of(FOUND, found)

    def _found(self, rows: Iterator[ReadRow]) -> Iterator[Found]:
        chunk, accounts, read = RowChunk(), dict[str, Account](), RowsRead()
        for account, of_account in groupby(rows, key=lambda each: each.row.account):
            for each in of_account:
                if each.kind == FAULT:
                    raise BadSetting("rows", each.given)
                if each.kind == STATE and account is not None:
                    self._load(account, each.given, accounts)
                elif each.kind == SNAPSHOT:
                    chunk.add(Line(each.row.file, each.row.number, -1, each.given.encode()))
                else:
                    for line in self._records.lines(chain([each.row], (later.row for later in of_account)), read):
                        chunk.add(line)
            if chunk.length >= CHUNK:
                yield from self._judged(chunk, accounts, read)
                chunk, accounts, read = RowChunk(), {}, RowsRead()
        yield from self._judged(chunk, accounts, read)

    def _load(self, name: str, state: str, accounts: dict[str, Account]) -> None:
        """Adds an account as an earlier audit left it. Raises `BadSetting` where there is no such account."""
        try:
            account = msgspec.json.decode(state, type=Account)
        except (msgspec.DecodeError, RecursionError) as fault:
            raise BadSetting("state", f"it is not a saved state: account {one_line(name)}: {fault}") from None
        wrong = "it is there twice" if name in accounts else wrong_with(self._oracle, account)
        if wrong is not None:
            raise BadSetting("state", f"it is not as it was saved: account {one_line(name)}: {wrong}")
        accounts[name] = account

    def _judged(self, chunk: RowChunk, accounts: dict[str, Account], read: RowsRead) -> Iterator[Found]:
        wanted = self._settings.explained
        oracle = self._oracle.fork(accounts)
        last = {name: account.last_at for name, account in accounts.items()}
        report = judged(chunk, oracle, SMALLEST, self._settings.keeps_state) if wanted is None else replay(chunk, oracle)
        report.rows = read
        if wanted is None:
            yield from self._whole(report, oracle, last)
        else:
            report = explained(report, chunk, oracle, wanted)
        yield from _divergences(report)
        chunk.close()

    def _whole(self, report: Report, oracle: Oracle, last: dict[str, int | None]) -> Iterator[Found]:
        """Yields all but the divergences; `last` has the last instant of each account that was loaded."""
        for bad in report.bad:
            line, account = bad.line, bad.fault.account
            place = (account, None, line.file, line.number, line.key)
            yield BAD, *place, json_text(bad_data(bad))
            before = last.get(account) if account is not None else None
            if isinstance(bad.fault, WentBack) and before is not None and bad.fault.value is not None:
                behind = before - parse_instant(bad.fault.value.strip('"'))
                late = {"file": line.file, "line": line.number, "account": account, "behind_ms": behind}
                yield LATE, *place, json_text(late)
        if self._settings.keeps_state:
            encode = msgspec.json.Encoder().encode
            for name, state in oracle.accounts.items():
                yield STATE, name, None, None, None, None, encode(state).decode()
        yield SUM, None, None, None, None, None, msgspec.json.encode(AuditSum.of(report)).decode()


def judged(chunk: RowChunk, oracle: Oracle, smallest: int, keeps_state: bool) -> Report:
    """Returns the replay of a chunk, by the kernel from `smallest` bytes on."""
    fast = replay_by_kernel(chunk, oracle, smallest=smallest, keeps_state=keeps_state)
    return replay(chunk, oracle) if fast is None else fast[0]


def explained(report: Report, chunk: RowChunk, oracle: Oracle, wanted: dict[str, tuple[int, int]]) -> Report:
    """Returns the report of the first divergences of each account, so many as are wanted, with what explains them."""
    first, tied, met = list[Divergence](), list[Divergence](), Counter[str]()
    for divergence in report.divergences:
        explains, ties = wanted[divergence.account]
        number = met[divergence.account]
        met[divergence.account] += 1
        first += [divergence] * (number < explains)
        tied += [divergence] * (number < ties)
    report.divergences = first
    explain(report, chunk, oracle)
    report.divergences = tied
    note_ties(report, chunk, oracle)
    report.divergences = first
    return report


def _divergences(report: Report) -> Iterator[Found]:
    met = Counter[str]()
    for divergence in report.divergences:
        line, account = divergence.line, divergence.account
        yield DIVERGENCE, account, met[account], line.file, line.number, line.key, json_text(divergence_data(divergence))
        met[account] += 1


def _rows_of(batches: Iterable[pyarrow.RecordBatch]) -> Iterator[ReadRow]:
    for batch in batches:
        orders = sum(name.startswith("o") for name in batch.schema.names)
        cells: Sequence[Sequence[Any]] = [batch.column(n).to_pylist() for n in range(len(READ) + orders, batch.num_columns)]
        texts = zip(*cells, strict=True) if cells else ((),) * batch.num_rows
        for *read, cell in zip(*(batch.column(name).to_pylist() for name in READ), texts, strict=True):
            kind, given, file, number, key, account, at, fault = read
            at_ms = None if at is None else at // 1000
            row = TableRow(file or "", number or 0, key or "", account, at_ms, tuple(cell), fault or "")
            yield ReadRow(kind or ROW, row, given or "")
