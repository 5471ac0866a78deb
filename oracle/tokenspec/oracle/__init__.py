"""What others use: the oracle, logs and their replay, fuzzing, and the command.

from tokenspec.oracle import Oracle

oracle = Oracle(policy={"burn_order": "rollover_fast_topup"})
answer = oracle.apply({"account": "a1", "at": "2026-07-15T09:00:00Z", "event": "open_account"})
answer.balances["daily"]    # 150
"""

from tokenspec.oracle.answers import Answer
from tokenspec.oracle.errors import BadRecord, BadSetting
from tokenspec.oracle.world import Oracle

__all__ = ["Answer", "BadRecord", "BadSetting", "Oracle"]
