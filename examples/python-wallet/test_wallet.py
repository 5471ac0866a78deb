from adapter import Adapter

from tokenspec.oracle.testing import WalletTests


class TestWallet(WalletTests):
    def sut(self) -> Adapter:
        return Adapter()
