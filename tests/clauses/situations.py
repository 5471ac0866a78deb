"""Where an account stands when something is refused: each function leads a new wallet there."""

from __future__ import annotations

from clauses.wallet import MOST, RENEWAL, Wallet, holding, subscribed
from tokenspec.spec.catalogue import DEFAULT


def unopened() -> Wallet:
    return Wallet(is_open=False)


def free() -> Wallet:
    return Wallet()


def premium() -> Wallet:
    return subscribed("premium")


def scheduled() -> Wallet:
    wallet = premium()
    wallet.downgrade("essential")
    return wallet


def with_models() -> Wallet:
    """Its catalogue has a model of the house, one of somebody else's, and one for paid plans alone."""
    models = {
        "Own": {"origin": "first_party"},
        "Own 2": {"origin": "third_party"},
        "Paid": {"origin": "first_party", "paid_only": True},
    }
    return Wallet(catalogue=DEFAULT.but(models=models))


def cancelling() -> Wallet:
    wallet = premium()
    wallet.cancel()
    return wallet


def renewal_due() -> Wallet:
    return premium().at(RENEWAL)


def scheduled_and_due() -> Wallet:
    return scheduled().at(RENEWAL)


def cancelling_and_due() -> Wallet:
    return cancelling().at(RENEWAL)


def past_due() -> Wallet:
    wallet = renewal_due()
    wallet.payment_failed()
    return wallet


def past_due_and_empty() -> Wallet:
    wallet = holding(0, "premium").at(RENEWAL)
    wallet.payment_failed()
    return wallet


def without_a_token() -> Wallet:
    return holding(0, "premium")


def with_a_token() -> Wallet:
    return holding(1, "premium")


def essential_without_a_token() -> Wallet:
    return holding(0, "essential")


def full_of_packs() -> Wallet:
    """It has room for 991 more tokens, and a small pack holds 1,000."""
    wallet = premium()
    wallet.buy_topup("small", MOST // 1_000)
    return wallet


def full_of_api_tokens() -> Wallet:
    wallet = free()
    wallet.buy_api(MOST)
    return wallet


def charged() -> Wallet:
    wallet = free()
    wallet.generate(100, job="picture")
    return wallet


def charged_by_api() -> Wallet:
    wallet = free()
    wallet.buy_api(10)
    wallet.say("api_generate", job="picture", cost=4)
    return wallet


def relaxed() -> Wallet:
    wallet = without_a_token()
    wallet.generate(24, job="picture")
    return wallet


def charged_and_empty() -> Wallet:
    """Its job ids `picture` and `rest` are used up, and 1 token is left."""
    wallet = premium()
    wallet.generate(24, job="picture")
    wallet.generate(25_125, job="rest")
    return wallet


def refunded() -> Wallet:
    wallet = charged()
    wallet.refund("picture")
    return wallet


def without_refunds() -> Wallet:
    wallet = Wallet({"refund": "none"})
    wallet.generate(100, job="picture")
    return wallet


def logged_in() -> Wallet:
    wallet = free()
    wallet.login("laptop")
    return wallet


def logged_out() -> Wallet:
    wallet = logged_in()
    wallet.logout("laptop")
    return wallet


def before_the_reset() -> Wallet:
    return charged().at("2027-01-01 23:59:59")


def after_the_reset() -> Wallet:
    wallet = charged().at("2027-01-02 00:00")
    wallet.daily_reset()
    return wallet


def rich_after_the_reset() -> Wallet:
    wallet = premium().at("2027-01-02 00:00")
    wallet.daily_reset()
    return wallet
