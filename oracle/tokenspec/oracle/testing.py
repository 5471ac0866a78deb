"""Tests of a wallet under pytest, by the name that the documentation teaches; the code is in plugin/wallet_tests.py."""

from tokenspec.oracle.plugin.wallet_tests import Options, Sut, WalletTests

__all__ = ["Options", "Sut", "WalletTests"]
