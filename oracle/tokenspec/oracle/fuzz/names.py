"""Made-up names, and others that are nearly the same: what a column, a collation, a key or a cache could take for one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from tokenspec.machine.lang.catalogue import UNLISTED
from tokenspec.oracle.runtime.script import UNKNOWN

LONGEST = 255
"""The largest length of a name: what a column usually holds."""


def fresh(letter: str, number: int, die: int) -> str:
    """Returns a name that no other number has; plain where `die` is below half of 256, else of one of several forms."""
    forms = (f"{letter}{number}",) if die < 128 else _forms(letter, number)
    return forms[die % len(forms)]


def _forms(letter: str, number: int) -> tuple[str, ...]:
    return (
        f"{letter}vt_{number}Qd",
        f"{letter}\u00e9{number}",
        f"{number}",
        f"{letter}-{number}-stra\u00dfe",
        f"{letter}{number}:x",
        f"\u0436{number}",
        f"{letter}{number}" + "x" * (LONGEST - 12),
        f"{letter}{number}\U0001f600",
    )


def all_names() -> list[str]:
    """Returns the names of every list, in which each is easily taken for another one of its list."""
    return [name for names in ALIKE.values() for name in names]


def alike(name: str, die: int) -> str:
    """Returns another name that is nearly `name`."""
    others = all_alike(name)
    return others[die % len(others)]


@lru_cache(maxsize=4096)
def all_alike(name: str) -> list[str]:
    """Returns every other name that is nearly `name`."""
    return list(dict.fromkeys(other for change in _CHANGES for other in [change(name)[:LONGEST]] if other not in (name, "")))


def joined_alike(who: str, others: Iterable[tuple[str, str]]) -> set[str]:
    """Returns the names that, joined to the account `who`, are what another account and a name of its own are when joined."""
    found = set[str]()
    for other, name in others:
        shorter, longer = sorted((who, other), key=len)
        between = longer.removeprefix(shorter)
        if between and between != longer:
            part = between if between[0].isalnum() else between[1:] + between[0]
            if who == shorter:
                found.add(part + name)
            elif name.startswith(part) and name != part:
                found.add(name.removeprefix(part))
    return found


class UsedNames:
    """The names that the records of a run have used, which is looked up again while they become more."""

    def __init__(self, records: Sequence[Mapping[str, Any]]) -> None:
        self._records = records
        self._read: dict[str, tuple[int, dict[str, dict[str, None]]]] = {}

    def of(self, key: str) -> dict[str, dict[str, None]]:
        """Returns the names under `key`, by account, each in the order of its first use."""
        known, by_account = self._read.get(key, (0, {}))
        for record in self._records[known:]:
            if key in record:
                by_account.setdefault(record["account"], {})[record[key]] = None
        self._read[key] = len(self._records), by_account
        return by_account


def unlisted(members: Sequence[str], die: int) -> str:
    """Returns a name that is not among `members`, which is nearly one of them in half of all cases."""
    listed = [member for member in members if member != UNLISTED]
    near = alike(listed[die % len(listed)], die) if listed and die % 2 else UNKNOWN
    return UNKNOWN if near in listed else near


def all_unlisted(members: Iterable[str]) -> list[str]:
    """Returns names that are not among `members`, each of which a search in their list may take for one of them."""
    listed = [member for member in members if member != UNLISTED]
    near = (name for member in listed for name in (member[:-1], *all_alike(member)))
    return [name for name in dict.fromkeys((*KEYS_OF_OBJECTS, *near)) if name not in listed]


def _without_marks(name: str) -> str:
    return "".join(each for each in unicodedata.normalize("NFD", name) if not unicodedata.combining(each))


def _other_letter(name: str) -> str:
    """Returns the name with another letter in place of the last one that is not ASCII: both are lost in the same way."""
    last = next((n for n in range(len(name) - 1, -1, -1) if not name[n].isascii()), None)
    return name if last is None else name[:last] + chr(ord(name[last]) ^ 1) + name[last + 1 :]


_CHANGES: tuple[Callable[[str], str], ...] = (
    str.swapcase,
    lambda name: f"{name} ",
    lambda name: f"{name}\u00e9" if name.isascii() else unicodedata.normalize("NFD", name),
    lambda name: unicodedata.normalize("NFC", name),
    _without_marks,
    lambda name: name.replace("\u00df", "ss"),
    _other_letter,
    lambda name: f"0{name}" if name.isdigit() else name,
    lambda name: f"{name}.0" if name.isdigit() else name,
    lambda name: name[:-1] + "y" if len(name) > 30 else name,
    lambda name: f" {name}",
    lambda name: re.sub("[-_:]", "", name),
    lambda name: re.sub("[-_:]", "_", name),
    lambda name: name.upper(),
    lambda name: f"{name}\t",
    lambda name: f"{name}\u200b",
    lambda name: name[0] + "%" if len(name) > 1 else name,
    lambda name: "".join(chr(ord(c) + 0xFEE0) if c.isdigit() and c.isascii() else c for c in name),
)
"""Changes, of which each leaves a name that is easily taken for the other; one that does not apply changes nothing."""

BETWEEN = (":", "-", "", "_", ":", "/", ".", "|")
"""Signs between the two parts of a joined name; to have none is no less usual."""

_WRITTEN = {
    "letters": "Evt_4qD3|evt_4qd3|EVT_4QD3|eVT_4Qd3|caf\xe9|cafe\u0301|cafe|caf\xe8|CAF\xc9|caf?|caf\xe9\u0301|stra\xdfe|"
    "strasse|STRASSE|stra\u1e9ee|id|\u0131d|\u0130d|ID|\ufb01n|fin|\u017fin|sin|\u212a9|K9|\uff4e1|n1|n\xb9|\u04301|"
    "a1|\u0436|\u0437|\u03c2|\u03c3|x\U0001f600|x\U0001f601|x|\xe62|ae2|\u01c6|d\u017e",
    "blanks": "b|b | b|  b|b\t|\tb|b\n|b\r\n|b\xa0|b\u3000|b\u200b|b\xad|\ufeffb|b\u200d|b c|b  c|bc|b\tc|b\xa0c|b+c|b%20c|b_c|"
    "b-c",
    "numbers": "7|07|007|7.0|7.|7e0|+7|-7|0x7|0b111|7,0|7n|\uff17|\u0667|\u2166|7_0|70|700|7e2|0|-0|00|9007199254740992|"
    "9007199254740993|4294967303|18446744073709551623|65543|263|1|1.0|true|True|false|null|None|undefined|NaN|"
    "constructor|__proto__|toString",
    "signs": "s-1_2:3|s123|s_1_2_3|s-1-2-3|s 1 2 3|s%|s_______|s*|s.1|s/1|s\\1|s1|s'1|s\"1|s;1|s#1|s/../s1|s/./1|s//1|/s1|s1/|"
    "s?1|s&1|s&amp;1|s%31|s\\u0031|(s1)|s@1|s@1.example|s+2@1",
}
_FAR = "x" * (LONGEST - 1)
ALIKE: Mapping[str, Sequence[str]] = {
    **{way: names.split("|") for way, names in _WRITTEN.items()},
    "length": (
        *(f"{_FAR}a", f"{_FAR}b", f"a{_FAR}", f"b{_FAR}", f"{_FAR[:127]}a{_FAR[:127]}", _FAR, _FAR[1:]),
        *("\u00e9" * 127 + "a", "\u00e9" * 127 + "b", "\U0001f600" * 63 + "a", "\U0001f600" * 63 + "b"),
    ),
}
"""Names by the way in which two of a list are taken for one: spelled alike, trimmed, read as numbers or signs, cut off."""

KEYS_OF_OBJECTS = ("constructor", "__proto__", "null", "0")
"""Names that a language gives a meaning of its own where a table is an object."""
