"""Headers that a user wants in every request over HTTP."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tokenspec.oracle.base.errors import WrongUsage
from tokenspec.oracle.base.text import one_line

_OF_THE_EXCHANGE = ("host", "content-length", "transfer-encoding", "connection")
_NAME, _VALUE = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"), re.compile(r"[\t -~\x80-\xff]*")


def headers_from(options: Iterable[str]) -> dict[str, str]:
    """Returns the headers of texts NAME=VALUE. Raises `WrongUsage`, with the name alone: a value may be a secret."""
    headers: dict[str, str] = {}
    for option in options:
        name, equals, value = option.partition("=")
        name = name.strip()
        if not equals or not _NAME.fullmatch(name):
            raise WrongUsage("--header", f"a header is NAME=VALUE, with a name that HTTP takes, found {one_line(name, 60)!r}")
        if not _VALUE.fullmatch(value):
            raise WrongUsage(f"--header {name}", "its value holds a character that no header takes")
        if name.lower() in _OF_THE_EXCHANGE:
            raise WrongUsage(f"--header {name}", "it belongs to each exchange, and is set by tokenspec")
        if name.lower() in map(str.lower, headers):
            raise WrongUsage(f"--header {name}", "it is given twice")
        headers[name] = value
    return headers
