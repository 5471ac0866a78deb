"""The sessions of accounts, in WebAssembly: what each that is in may still show, and the judge of what it shows.

A record of an account names two chains: its sessions that are in, and its balances from the oldest on that one of them fetched,
the newest first. What has gone out of them is used again.
"""

from __future__ import annotations

from tokenspec.machine.interpreters.batch.handover import CHANGE, SESSION
from tokenspec.machine.interpreters.batch.short import long
from tokenspec.machine.interpreters.batch.step_table import StepTable
from tokenspec.machine.interpreters.embedded.memory import SLOT
from tokenspec.machine.wasm.ranks import number_of
from tokenspec.oracle.base.specification import ABSENT, TOTAL_POOLS
from tokenspec.oracle.logs.kernel.names import SESSION as KEY
from tokenspec.oracle.logs.kernel.names import RecordNames, holds, text_of, value_of

_VECTOR = SLOT * len(TOTAL_POOLS)
_NODE = 32
"""Bytes of a session: its fingerprint, its state, the balances that it fetched, the next session."""
_MOST = 2**32 - 65_536 - _NODE - _VECTOR


def _chained(name: str, size: int, link: int) -> str:
    """The memory `$NAME` of nodes: `$new_NAME` returns one, `$free_NAME` takes a chain back. There is none at 0."""
    return f"""
(memory ${name} 1) (global ${name}_end (mut i32) #{size}) (global ${name}_free (mut i32) #0)
(func $new_{name} (result i32) (local $at i32)
  (local.set $at @{name}_free)
  (if %at (then (global.set ${name}_free (i32.load ${name} offset={link} %at)) (return %at)))
  (local.set $at @{name}_end)
  (global.set ${name}_end (i32.add %at #{size}))
  (if (i32.gt_u @{name}_end #{_MOST}) (then (unreachable)))
  (if (i32.gt_u (i32.add (i32.shr_u @{name}_end #16) #1) (memory.size ${name})) (then
    (if (i32.lt_s (memory.grow ${name} (i32.add (i32.shr_u (memory.size ${name}) #2) #1)) #0) (then (unreachable)))))
  %at)
(func $free_{name} (param $from i32) (local $at i32) (local $next i32)
  (if (i32.eqz %from) (then (return)))
  (local.set $at %from)
  (block $last (loop $more
    (local.set $next (i32.load ${name} offset={link} %at))
    (br_if $last (i32.eqz %next))
    (local.set $at %next) (br $more)))
  (i32.store ${name} offset={link} %at @{name}_free)
  (global.set ${name}_free %from))
(func $forget_{name} (global.set ${name}_end #{size}) (global.set ${name}_free #0))"""


class SessionsOfAccounts:
    """The sessions of the accounts whose records `names` name; all of it is nothing where the kernel has none."""

    def __init__(self, names: RecordNames) -> None:
        self._names, self.steps = names, names.sessions
        self.first = len(names.accounts.whole.events)
        """The number of the first event of sessions."""
        self._now = names.space.take(_VECTOR)
        """The place of the balances that are fetched, or changed to."""

        self._slots = [names.accounts.interface.state[pool].at for pool in TOTAL_POOLS]
        self._head, self._newest = names.accounts.further_at, names.accounts.further_at + 4
        """The places in the record of an account of the first session, and of the newest balances."""

    @property
    def forgets(self) -> str:
        """The lines that forget all sessions."""
        return "" if self.steps is None else "(call $forget_session) (call $forget_balances)"

    def happens(self, of_account: str) -> str:
        """The step of any event, where `of_account` is that of one of the account."""
        if self.steps is None:
            return of_account
        of_session = f"(call $session_happens (i32.sub %event #{self.first}) %has)"
        return f"(if (result i32) (i32.lt_u %event #{self.first}) (then {of_account}) (else {of_session}))"

    def text(self) -> str:
        """The functions `$hear`, after each step of an account, `$session_happens`, and what hands sessions over."""
        if self.steps is None:
            return ""
        names = self._names
        reads = " ".join(f"(i64.store #{self._now + n} (i64.load offset={n} %numbers))" for n in range(0, _VECTOR, SLOT))
        return long(f"""{_chained("session", _NODE, 24)}{_chained("balances", SLOT + _VECTOR, 0)}
{self._changes(names.space.put(self.steps.heard()))}
{self._moves(self.steps.out)}
{self._verdict()}
{self._happens(self.steps)}
;; The journal told it, or it is handed in.
(func $take_session (param $at i32) (param $size i32) (param $numbers i32) (local $state i32)
  (local.set $state (i32.load %numbers)) (local.set $numbers (i32.add %numbers #{SLOT}))
  {reads}
  (call $mark @account %at %size)
  (call $session_comes_to %state))
(func $take_balances (param $numbers i32) {reads})""")

    def _changes(self, heard: int) -> str:
        """Writes how the balances of an account change; `heard` is where the state is that each state leads to then."""
        vector, head, newest = range(0, _VECTOR, SLOT), self._head, self._newest
        is_other = " ".join(
            f"(br_if $changed (i64.ne (i64.load #{slot}) (i64.load $balances offset={SLOT + n} %at)))"
            for n, slot in zip(vector, self._slots, strict=True)
        )
        copies = " ".join(f"(i64.store $balances offset={SLOT + n} %at (i64.load #{self._now + n}))" for n in vector)
        return f"""
(func $append_balances (local $at i32)
  (local.set $at (call $new_balances))
  (i32.store $balances %at (i32.load $accounts offset={newest} @account))
  {copies}
  (i32.store $accounts offset={newest} @account %at))
;; The last balances of the chain are those of now while a session is in.
(func $hear (local $at i32)
  (local.set $at (i32.load $accounts offset={newest} @account))
  (block $changed {is_other} (return))
  {self._fetches}
  (if @keeps (then (call $journal #{CHANGE} #0 #0) {self._tells}))
  (call $balances_change))
(func $balances_change (local $at i32)
  (call $append_balances)
  (local.set $at (i32.load $accounts offset={head} @account))
  (loop $next (if %at (then
    (i32.store $session offset=16 %at (i32.load8_u offset={heard} (i32.load $session offset=16 %at)))
    (local.set $at (i32.load $session offset=24 %at)) (br $next)))))"""

    def _moves(self, out: int) -> str:
        """Writes how a session comes to a state; `out` is that of one that is not in."""
        head, newest = self._head, self._newest
        return f"""
;; The session under the present fingerprint, 0 where it is not in.
(func $find_session (result i32) (local $at i32)
  (local.set $at (i32.load $accounts offset={head} @account))
  (block $found (loop $next
    (br_if $found (i32.eqz %at))
    (br_if $found (i32.and (i64.eq (i64.load $session %at) @mark_1) (i64.eq (i64.load $session offset=8 %at) @mark_2)))
    (local.set $at (i32.load $session offset=24 %at)) (br $next)))
  %at)
(func $drop_session (param $gone i32) (local $at i32) (local $next i32)
  (local.set $next (i32.load $session offset=24 %gone))
  (local.set $at (i32.load $accounts offset={head} @account))
  (if (i32.eq %at %gone) (then (i32.store $accounts offset={head} @account %next)) (else
    (block $before (loop $more
      (br_if $before (i32.eq (i32.load $session offset=24 %at) %gone))
      (local.set $at (i32.load $session offset=24 %at)) (br $more)))
    (i32.store $session offset=24 %at %next)))
  (i32.store $session offset=24 %gone #0)
  (call $free_session %gone)
  (if (i32.eqz (i32.load $accounts offset={head} @account)) (then
    (call $free_balances (i32.load $accounts offset={newest} @account))
    (i32.store $accounts offset={newest} @account #0))))
;; Brings the session under the present fingerprint into a state: out it is gone, in any other it fetches the balances.
(func $session_comes_to (param $state i32) (local $at i32)
  (local.set $at (call $find_session))
  (if (i32.eq %state #{out}) (then (if %at (then (call $drop_session %at))) (return)))
  (if (i32.eqz (i32.load $accounts offset={newest} @account)) (then (call $append_balances)))
  (if (i32.eqz %at) (then
    (local.set $at (call $new_session))
    (i64.store $session %at @mark_1) (i64.store $session offset=8 %at @mark_2)
    (i32.store $session offset=24 %at (i32.load $accounts offset={head} @account))
    (i32.store $accounts offset={head} @account %at)))
  (i32.store $session offset=16 %at %state)
  (i32.store $session offset=20 %at (local.tee $state (i32.load $accounts offset={newest} @account)))
  ;; Nobody else may show older ones.
  (if (i32.eqz (i32.load $session offset=24 (i32.load $accounts offset={head} @account))) (then
    (call $free_balances (i32.load $balances %state))
    (i32.store $balances %state #0))))"""

    @property
    def _fetches(self) -> str:
        slots = zip(range(0, _VECTOR, SLOT), self._slots, strict=True)
        return " ".join(f"(i64.store #{self._now + n} (i64.load #{slot}))" for n, slot in slots)

    @property
    def _tells(self) -> str:
        return " ".join(f"(call $tell_number (i64.load #{self._now + n}))" for n in range(0, _VECTOR, SLOT))

    def _verdict(self) -> str:
        """Writes the judge of what is shown, as `runtime.journal.verdict`: the number of one of `names.VERDICTS`."""
        shown = [self._names.shown[pool] for pool in TOTAL_POOLS]
        now = [f"(i64.load #{slot})" for slot in self._slots]
        before = [f"(i64.load $balances offset={SLOT + n} %at)" for n in range(0, _VECTOR, SLOT)]

        def unless(values: list[str]) -> str:
            pairs = zip(shown, values, strict=True)
            return " ".join(f"(br_if $other (i32.and {holds(key)} (i64.ne {value_of(key)} {value})))" for key, value in pairs)

        return f"""
(func $verdict (param $session i32) (param $has i64) (result i32) (local $at i32) (local $last i32)
  (block $other {unless(now)} (return #0))
  (if (i32.eqz %session) (then (return #2)))
  (local.set $at (i32.load $accounts offset={self._newest} @account))
  (local.set $last (i32.load $session offset=20 %session))
  (loop $older
    (block $other {unless(before)} (return #1))
    (if (i32.eq %at %last) (then (return #2)))
    (local.set $at (i32.load $balances %at)) (br $older))
  (unreachable))"""

    def _happens(self, steps: StepTable) -> str:
        names = self._names
        machine, interface = names.oracle.machine, names.accounts.interface
        control = machine.control_variable
        table = names.space.put(steps.table(len(interface.rules), names.codes))
        exists = f"(i64.ne (i64.load #{interface.state[control.name].at}) ~{number_of(control.type, str(ABSENT))})"
        shows = names.space.flags(names.shows(event) for event in steps.events)
        verdict = f"(if (result i32) (i32.load8_u offset={shows} %event) (then (call $verdict %at %has)) (else #0))"
        says = " ".join(
            f"(i64.store #{interface.areas['answers'] + SLOT * n} (i64.load offset={table + SLOT * (n + 1)} %place))"
            for n in range(steps.answered)
        )
        session = names.payload[KEY]
        return f"""
(func $session_happens (param $event i32) (param $has i64) (result i32)
  (local $at i32) (local $state i32) (local $place i32)
  (call $mark @account {text_of(session)})
  (local.set $at (call $find_session))
  (local.set $state #{steps.out})
  (if %at (then (local.set $state (i32.load $session offset=16 %at))))
  (local.set $place {steps.place("%event", "%state", [exists, verdict])})
  {says}
  (local.set $state (i32.load offset={table + 4} %place))
  (if (i32.ge_s %state #0) (then
    {self._fetches}
    (if @keeps (then
      (call $journal #{SESSION} {text_of(session)}) (call $tell_number (i64.extend_i32_s %state)) {self._tells}))
    (call $session_comes_to %state)))
  (i32.load offset={table} %place))"""
