"""Types as values, and faults as things that can be kept: compared, collected, sent to another process."""

from __future__ import annotations

import copy
import pickle

import pytest

from lang.machines import LEVEL
from lang.wrong import MISSING, machine, need, refused
from tokenspec.machine.lang.errors import DeclarationError, DeclarationErrors
from tokenspec.machine.lang.types import Enum


def test_an_enum_limited_to_some_members_keeps_the_order_of_all() -> None:
    some = LEVEL.only("top", "low")
    assert (("low", "top"), LEVEL.members) == (some.members, some.order)
    assert some.only("high") == Enum("Level", ("high",), LEVEL.members)


def test_an_enum_cannot_be_limited_to_a_name_that_is_no_member() -> None:
    with pytest.raises(ValueError, match="'middel' is not a member of Level: low, middle, high, top"):
        LEVEL.only("low", "middel")


FAULT = DeclarationError("TS101", "here", "'x' is not declared", "Declare it")


def test_a_fault_comes_out_of_a_pickle_as_it_went_in() -> None:
    again = pickle.loads(pickle.dumps(FAULT))
    assert (FAULT, str(FAULT)) == (again, str(again))
    assert copy.copy(FAULT) == FAULT


def test_faults_come_out_of_a_pickle_as_they_went_in() -> None:
    faults = DeclarationErrors([FAULT, DeclarationError("TS102", "there", "twice", "Rename it")])
    again = pickle.loads(pickle.dumps(faults))
    assert (faults.errors, str(faults)) == (again.errors, str(again))


def test_faults_can_be_collected_in_a_set() -> None:
    assert len({FAULT, DeclarationError("TS101", "here", "'x' is not declared", "Declare it")}) == 1
    once, again = refused(need(MISSING < 3)), refused(need(MISSING < 3))
    assert set(once) == set(again)
    assert set(once).isdisjoint(refused(machine(pools=("till",))))
