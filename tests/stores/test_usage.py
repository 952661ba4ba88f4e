"""The account of a directory: whoever appends and reads, in whatever order, all come to the same."""

import os

from hypothesis import given
from hypothesis import strategies as st

from memopickle.stores import usage
from memopickle.stores.layout import USAGE
from memopickle.stores.usage import SLICES, Usage, append

NUMBERS = st.integers(-(10**6), 10**6)
CHANGES = st.lists(st.tuples(st.sampled_from([0, 1, SLICES - 1]), st.booleans(), NUMBERS, NUMBERS), max_size=5)
WHO = st.sampled_from(["one", "other", "none"])


def known(account):
    return account.total, [account.cell(number) for number in range(SLICES)]


@given(st.lists(st.tuples(WHO, CHANGES), max_size=20), st.sampled_from([64, 1 << 18]))
def test_two_who_keep_account_and_one_who_only_tells_agree(tmp_path_factory, steps, most):
    root = tmp_path_factory.mktemp("usage")
    accounts = {"one": Usage(root), "other": Usage(root)}
    accounts["one"].update()
    before, usage._MOST = usage._MOST, most
    try:
        for who, changes in steps:
            if who == "none":
                append(root, changes)
            else:
                accounts[who].update(changes)
        for account in (*accounts.values(), late := Usage(root)):
            account.update()
            while account.behind:
                account.update()
    finally:
        usage._MOST = before
    assert known(accounts["one"]) == known(accounts["other"]) == known(late)


def test_an_account_that_lost_its_end_is_begun_anew(tmp_path):
    account = Usage(tmp_path)
    account.update([(number, True, 1, 10) for number in range(SLICES)])
    os.truncate(tmp_path / USAGE, 16)
    account.update()
    assert not account.complete
    account.update([(7, True, 2, 20)])
    assert account.cell(7) == (2, 20)
