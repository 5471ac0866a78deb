"""Suites of vectors in a directory: `index.json`, and for each vector `vectors/ID.json` (docs/vectors.md).

Reading checks the form of both, the sha256 of each file, that its requests are well formed and in order of time, and that
its answers are those of this declaration.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta

from tokenspec.machine.lang.types import COUNTABLE_MAX
from tokenspec.oracle.base.chosen import SHIPPED, chosen
from tokenspec.oracle.base.errors import BadRecord, BadSetting, WrongUsage
from tokenspec.oracle.base.provenance import declaration
from tokenspec.oracle.base.shards import slice_of
from tokenspec.oracle.base.specification import CLAUSES, DEFAULTS, POOLS, AnyCatalogue, machines
from tokenspec.oracle.base.text import as_text, in_our_words, one_line
from tokenspec.oracle.base.unique_names import decode
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.wire.answers import BY_POOL, FIELDS, INSTANTS, SHOWN, Answer, differences, python_type, without_delta
from tokenspec.oracle.wire.protocol import event_names
from tokenspec.oracle.wire.records import Reader, Record
from tokenspec.oracle.wire.resets import resets_from, resets_on_the_wire
from tokenspec.oracle.wire.settings import catalogue_from, catalogue_on_the_wire, policy_from

FORMAT = 1
INDEX, VECTORS = "index.json", "vectors"

Slug = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9_-]*$", max_length=120)]
Resets = Literal["explicit", "implied"] | dict[str, Literal["explicit", "implied"]]
"""One word, or one for each clock."""
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Pools = dict[Literal[POOLS], Annotated[int, Meta(ge=0, le=COUNTABLE_MAX)]]  # type: ignore[valid-type]


_EXPECTED: list[tuple[str, Any]] = [
    ("outcome", Literal["accepted", "refused"]),
    *((name, python_type(name) | None) for name in SHOWN),
    ("balances", Pools),
    *((name, str | None) for name in INSTANTS),
]
if TYPE_CHECKING:

    class Expected(Answer, frozen=True, gc=False):
        """A whole answer: what is not written in it is not there."""

else:
    Expected = msgspec.defstruct(
        "Expected",
        _EXPECTED,
        bases=(Answer,),
        module=__name__,
        namespace={"__doc__": "A whole answer: what is not written in it is not there."},
        kw_only=True,
        frozen=True,
        forbid_unknown_fields=True,
        gc=False,
    )


class Step(msgspec.Struct, frozen=True):
    """An event as it is sent, and the right answer to it."""

    request: dict[str, Any]
    expect: Expected


class Vector(msgspec.Struct, frozen=True):
    """One run in a world of its own."""

    id: Slug
    title: str
    clauses: list[str]
    policy: dict[str, str]
    """The choice for every policy, as sent."""
    catalogue: dict[str, Any]
    resets: Resets
    steps: Annotated[list[Step], Meta(min_length=1)]


class Entry(msgspec.Struct, frozen=True):
    """The entry of a vector in the index."""

    id: Slug
    title: str
    clauses: list[str]
    resets: Resets
    policies: dict[str, str]
    """The settings that its answers depend on; under any choice for the other policies they are the same."""
    edges: list[str]
    """The edges it covers: each event with its result, by status."""
    sha256: Sha256
    finds: int = 0
    """The number of seeded faults that it finds."""
    mutants: list[str] = []
    """The seeded faults that it finds and no other vector of its kind of resets does."""


class Index(msgspec.Struct, frozen=True):
    """`index.json`."""

    format: Literal[1]
    version: str
    """The version of tokenspec that built the suite."""
    digest: str
    """The digest of the declaration that the suite was built from."""
    vectors: list[Entry]
    coverage: dict[str, Any] = {}
    """The share of the declaration that is covered, and the least possible size."""


class BadSuite(BadSetting):
    """The error for a suite that cannot be run: the file, and the rule it breaks."""


@dataclass(frozen=True)
class Case:
    """A vector, and its entry in the index."""

    entry: Entry
    vector: Vector

    @property
    def id(self) -> str:
        """Returns the vector's id, which never changes its meaning."""
        return self.entry.id


@dataclass(frozen=True)
class Suite:
    """A directory of vectors; each is read on demand."""

    path: Path
    index: Index
    is_older: bool = False
    """True if another declaration made it."""
    is_own: bool = True
    """False for the suite that comes with tokenspec: its answers were computed when it was built."""

    def strays(self) -> list[str]:
        """Returns the vectors that lie in the directory and that the index does not list, so that nobody runs them."""
        listed = {entry.id for entry in self.index.vectors}
        return sorted(name for path in (self.path / VECTORS).glob("*.json") if (name := path.stem) not in listed)

    def case(self, entry: Entry) -> Case:
        """Returns the vector of an entry. Raises `BadSuite`, `OSError`."""
        path = self.path / VECTORS / f"{entry.id}.json"
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != entry.sha256:
            raise BadSuite(str(path), "its sha256 differs from the one in the index")
        vector = decoded(path, content, Vector)
        if self.is_older:
            # Another declaration may have had fewer policies. The answers are computed again, with the others at their default.
            vector = msgspec.structs.replace(vector, policy={**DEFAULTS, **vector.policy})
        _check(path, vector)
        differing = [name for name in ("id", "title", "clauses", "resets") if getattr(vector, name) != getattr(entry, name)]
        # Where the implementation has other settings than the entry lists, the vector is skipped.
        differing += ["policies"] * any(vector.policy.get(name) != choice for name, choice in entry.policies.items())
        if differing:
            raise BadSuite(
                str(path), f"in the index it has other {' and '.join(differing)}; make the suite anew, or mend the entry"
            )
        return Case(entry, checked_answers(path, vector, self.is_older) if self.is_own else vector)


def read_suite(path: Path) -> Suite:
    """Returns the suite in the directory `path`. Raises `BadSuite`, `OSError`."""
    index = path / INDEX
    found = decoded(index, index.read_bytes(), Index)
    ids = [entry.id for entry in found.vectors]
    if len(set(ids)) < len(ids):
        raise BadSuite(str(index), f"{next(i for i in ids if ids.count(i) > 1)} occurs twice in it")
    with _of_suite(index):
        for entry in found.vectors:
            policy_from(entry.policies)
    return Suite(path, found, found.digest != declaration())


def default_suite() -> Suite:
    """Returns the suite that comes with tokenspec: beside its modules if installed, in `oracle/` in a checkout.

    Raises `WrongUsage` where another specification is chosen: its vectors are elsewhere.
    """
    if chosen().name != SHIPPED:
        rule = "the vectors that come along are of the shipped specification; `tokenspec vectors build --out DIR` makes others"
        raise WrongUsage("DIR", rule)
    here = Path(__file__).parent
    installed = here / "suite"
    suite = read_suite(installed if installed.is_dir() else here.parents[2] / "vectors")
    return replace(suite, is_own=suite.is_older)


def sliced(entries: list[Entry], part: str | None) -> list[Entry]:
    """Returns part i of n where `part` is `i/n`, each n-th entry from the i-th on; all for None. Raises `WrongUsage`."""
    number, parts = slice_of(part)
    return entries[number - 1 :: parts]


def vector_of(written: Mapping[str, Any]) -> Vector:
    """Returns a vector outside any suite. Raises `BadSuite`."""
    path = Path("vector")
    vector: Vector = decoded(path, msgspec.json.encode(written), Vector)
    _check(path, vector)
    return vector


def written_vector(
    name: str,
    title: str,
    clauses: Sequence[str],
    policy: Mapping[str, str],
    catalogue: AnyCatalogue,
    resets: str,
    steps: Iterable[tuple[Mapping[str, Any], Answer]],
) -> dict[str, Any]:
    """Returns a vector in the form of a file of a suite; `steps` are its records as they are sent, with the right answers."""
    return {
        "id": name,
        "title": title,
        "clauses": list(clauses),
        "policy": dict(policy),
        "catalogue": catalogue_on_the_wire(catalogue),
        "resets": resets_on_the_wire(resets),
        "steps": [{"request": {"op": "apply", **record}, "expect": without_delta(answer).as_dict()} for record, answer in steps],
    }


def record_of(step: Step) -> dict[str, Any]:
    """Returns the event of a step as a log holds it."""
    return {key: value for key, value in step.request.items() if key != "op"}


def laid_out(members: Mapping[str, Any], rows: str) -> bytes:
    """Returns an object as a file, for reading by people: a line for each member and for each entry of the last, `rows`."""
    head = [f'  "{key}": {_line(value)},' for key, value in members.items() if key != rows]
    entries = ",\n".join(f"    {_line(entry)}" for entry in members[rows])
    return "\n".join(["{", *head, f'  "{rows}": [', entries, "  ]", "}", ""]).encode()


def _line(value: Any) -> str:
    return msgspec.json.encode(value).decode()


@cache
def reader() -> Reader:
    """Returns the reader of the records of every event that can be sent."""
    return Reader([event for machine in machines() for event in machine.events])


def decoded(path: Path, content: bytes, kind: Any) -> Any:
    """Returns a file of JSON as a value of a kind. Raises `BadSuite`."""
    try:
        return decode(content, kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise BadSuite(str(path), in_our_words(str(fault))) from None


@contextmanager
def _of_suite(path: Path) -> Iterator[None]:
    try:
        yield
    except BadSetting as fault:
        raise BadSuite(str(path), str(fault)) from None


def _check(path: Path, vector: Vector) -> None:
    """Raises `BadSuite` unless the settings exist, and the requests are well formed and in order of time."""
    if vector.policy.keys() != DEFAULTS.keys():
        raise BadSuite(str(path), f"policy: it holds an answer to each of {', '.join(DEFAULTS)}")
    if unknown := [clause for clause in vector.clauses if clause not in CLAUSES]:
        raise BadSuite(str(path), f"clauses: there is no {one_line(unknown[0])}")
    with _of_suite(path):
        policy_from(vector.policy)
        resets_from(vector.resets)
        catalogue_from(vector.catalogue)
    last: int | None = None
    for number, step in enumerate(vector.steps, 1):
        where = f"{path}: step {number}"
        if step.request.get("op") != "apply" or step.request.get("event") not in event_names():
            raise BadSuite(where, "a request is an apply, of an event of the account or of a session")
        if told := sorted(step.request.keys() & {"observed", "observed_as"}):
            raise BadSuite(where, f"{told[0]}: it would tell the implementation what is right; leave it out")
        at = _record(where, step).at
        assert isinstance(at, int)
        if last is not None and at < last:
            raise BadSuite(where, "at: time never goes back within a vector")
        last = at


def checked_answers(path: Path, vector: Vector, is_older: bool = False) -> Vector:
    """Returns the vector with the right answers. Raises `BadSuite` with the step and the field where its own differ.

    Another declaration may have had fewer fields (`is_older`): then those that the vector does not have are added.
    """
    oracle, steps = Oracle(vector.policy, vector.catalogue, resets_from(vector.resets)), []
    for number, step in enumerate(vector.steps, 1):
        right, listed = oracle.apply(record_of(step)), step.expect.as_dict()
        if not is_older:
            by_pool = {name: {pool: (listed.get(name) or {}).get(pool) for pool in POOLS} for name in BY_POOL}
            listed = dict.fromkeys(FIELDS) | listed | by_pool
        for field, ours, theirs in differences(right, listed):
            raise BadSuite(
                f"{path}: step {number}",
                f"{field}: the vector expects {as_text(theirs)}, and {as_text(ours)} is right under this declaration "
                f"({declaration()[:12]}); take the vector out of the suite, or make it anew",
            )
        steps.append(Step(step.request, msgspec.convert(right.as_dict(), Expected)))
    return msgspec.structs.replace(vector, steps=steps)


def _record(where: str, step: Step) -> Record:
    request: Mapping[str, Any] = record_of(step)
    if not isinstance(request.get("at"), str):
        raise BadSuite(where, "at: it is written as RFC 3339")
    try:
        return reader().convert(request)
    except BadRecord as fault:
        raise BadSuite(where, str(fault)) from None
