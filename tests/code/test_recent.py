"""The mapping of what was used last, which threads share."""

from concurrent.futures import ThreadPoolExecutor

from memopickle.code.recent import Recent


def test_what_was_not_used_for_longest_goes():
    recent = Recent(2)
    recent.keep("a", 1), recent.keep("b", 2), recent.get("a"), recent.keep("c", 3)
    assert [recent.get(key) for key in "abc"] == [1, None, 3]


def test_threads_that_use_it_at_once_keep_it_whole():
    recent = Recent(8)

    def use(first):
        for number in range(5000):
            key = (first + number) % 12
            assert recent.keep(key, key) == key
            assert recent.get((key + 5) % 12) in (None, (key + 5) % 12)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(use, range(4)))
    assert len(recent._values) == 8
