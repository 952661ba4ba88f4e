"""The codes over entries: pinned values, framing, key ids."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memopickle import ConfigurationError
from memopickle.signing import ALGORITHMS, KEY_ID_SIZE, MAC_SIZE, frame, make_signer, same_digest

SECRET = b"a secret of at least thirty-two bytes"

algorithms = pytest.mark.parametrize("algorithm", sorted(ALGORITHMS))
parts = st.lists(st.binary(max_size=20), max_size=5)

#: A change here makes every stored entry unreadable.
PINNED = {
    "blake3": (
        "1858dda4d0e735e8",
        "a5c1c6a901213a0d0669e1ce17f6be570063cc3328c9b055ca22a50136d095a5",
        "68555f352febb3f4da4a167422c65b4c63ebd75e5df013000565038c2ce7c9b1",
    ),
    "hmac-sha256": (
        "1bb59e78c15327a6",
        "aac0e5b8a91baabe4f40d722d33f266b9cbc751b481c76bcccc33cf806f843fe",
        "6fe9c9f679644d8e933abf80ca33db2e6055b14d3590691eb7196462c86f6bad",
    ),
}


@algorithms
def test_the_codes_of_a_secret_are_pinned(algorithm):
    mac = make_signer(SECRET, algorithm).bind(b"context")
    assert (mac.key_id.hex(), mac.mac(b"message").hex(), mac.digest(b"buffer").hex()) == PINNED[algorithm]


@algorithms
def test_codes_and_key_ids_have_their_sizes(algorithm):
    mac = make_signer(SECRET, algorithm).bind(b"")
    assert (len(mac.key_id), len(mac.mac()), len(mac.digest(b""))) == (KEY_ID_SIZE, MAC_SIZE, MAC_SIZE)


def test_the_algorithms_have_nothing_in_common():
    macs = [make_signer(SECRET, algorithm).bind(b"context") for algorithm in ALGORITHMS]
    assert len({mac.key_id for mac in macs}) == len(macs)
    assert len({code for mac in macs for code in (mac.mac(b"x"), mac.digest(b"x"))}) == 2 * len(macs)


@algorithms
def test_another_secret_gives_other_codes_and_another_key_id(algorithm):
    one, other = (make_signer(secret, algorithm) for secret in (SECRET, SECRET + b"!"))
    assert one.key_id != other.key_id
    assert one.bind(b"").mac(b"x") != other.bind(b"").mac(b"x")
    assert one.bind(b"").digest(b"x") != other.bind(b"").digest(b"x")


@algorithms
@given(contexts=st.lists(st.binary(max_size=8), min_size=2, max_size=2, unique=True), message=st.binary(max_size=20))
def test_another_context_gives_another_code(algorithm, contexts, message):
    signer = make_signer(SECRET, algorithm)
    assert signer.bind(contexts[0]).mac(message) != signer.bind(contexts[1]).mac(message)


@algorithms
@given(context=st.binary(min_size=1, max_size=8), message=st.binary(max_size=8))
def test_the_boundary_between_context_and_message_matters(algorithm, context, message):
    signer = make_signer(SECRET, algorithm)
    shifted = signer.bind(context[:-1]).mac(context[-1:] + message)
    assert signer.bind(context).mac(message) != shifted


@algorithms
@given(pieces=parts)
def test_parts_are_one_message_and_the_mac_can_be_used_again(algorithm, pieces):
    mac = make_signer(SECRET, algorithm).bind(b"context")
    assert mac.mac(*pieces) == mac.mac(b"".join(pieces)) == mac.mac(*map(memoryview, pieces))


@algorithms
def test_a_large_buffer_has_one_digest_whatever_memory_it_lies_in(algorithm):
    mac = make_signer(SECRET, algorithm).bind(b"")
    data = bytes(range(256)) * 8192
    assert mac.digest(data) == mac.digest(bytearray(data)) == mac.digest(memoryview(data))


@given(one=parts, other=parts)
def test_framed_parts_are_told_apart(one, other):
    assert (frame(*one) == frame(*other)) == (one == other)


@given(one=st.binary(max_size=40), other=st.binary(max_size=40))
def test_digests_are_the_same_only_if_equal(one, other):
    assert same_digest(one, other) == (one == other)


def test_an_unknown_algorithm_is_an_error_that_names_the_known():
    with pytest.raises(ConfigurationError, match=r"md5.*'blake3', 'hmac-sha256'"):
        make_signer(SECRET, "md5")


@algorithms
def test_a_signer_with_its_context_cannot_be_pickled(algorithm):
    with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
        pickle.dumps(make_signer(SECRET, algorithm).bind(b"context"))
