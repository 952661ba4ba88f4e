"""A function whose fingerprint is pinned. Not a test module: pytest would rewrite its asserts."""

import functools
import math
from dataclasses import dataclass

RATES = {"a": 1.5, "b": (2, None)}


@dataclass
class Order:
    amount: float
    kind: str = "a"

    def total(self):
        return self.amount * RATES[self.kind]


class Rush(Order):
    def total(self):
        return super().total() + fee(self.amount)


def fee(amount):
    return math.ceil(amount) + round(amount)


def logged(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args), [rate for rate in RATES.values() if rate]

    return wrapper


def make(scale, extra):
    @logged
    def price(amount):
        rush = Rush(amount)
        return sum(scale * n for n in (rush.total(), extra(amount)))

    return price


price = make(3, lambda amount: fee(amount) if amount else price(1))
