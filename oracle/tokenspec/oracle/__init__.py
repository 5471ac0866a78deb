"""The public names: the oracle, logs and their replay, fuzzing, and the command.

from tokenspec.oracle import Oracle

oracle = Oracle(policy={"burn_order": "rollover_fast_topup"})
answer = oracle.apply({"account": "a1", "at": "2026-07-15T09:00:00Z", "event": "open_account"})
answer.balances["daily"]    # 150
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokenspec.oracle.base.errors import BadRecord, BadSetting
    from tokenspec.oracle.runtime.oracle import Oracle
    from tokenspec.oracle.wire.answers import Answer

__all__ = ["Answer", "BadRecord", "BadSetting", "Oracle"]

_HOMES = {"Answer": "wire.answers", "BadRecord": "base.errors", "BadSetting": "base.errors", "Oracle": "runtime.oracle"}


def __getattr__(name: str) -> Any:
    # Imported when first asked for: the command's --version and --help need none of it.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
