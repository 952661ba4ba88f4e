"""Breaks one guard at a time in a copy of the package, and demands that the tests turn red for each.

``python tests/mutants.py [WORDS ...]`` (only guards whose names hold all the words); exits 1 if a mutant survives, or
if it can't be made: each replacement must fit its file exactly once, so that an edit of a guard is noticed here.
"""

from __future__ import annotations

import compileall
import os
import py_compile
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
#: Copies, and so processes at once.
COPIES = 2
#: Seconds after which a run has failed: a mutant that hangs proves nothing that a test says.
PATIENCE = 90


class Mutant(NamedTuple):
    """A guard, the file that holds it, the text to replace and by what, and the tests that must notice."""

    guard: str
    file: str
    old: str
    new: str
    tests: str

    def told(self) -> str:
        """The mutation on one line."""
        old, new = (" ".join(text.split()) for text in (self.old, self.new))
        return f"{shortened(old)} -> {shortened(new) or '(nothing)'}".replace("|", "\\|")


def shortened(text: str) -> str:
    return text if len(text) <= 44 else text[:41] + "..."


DAMAGE = "entries/test_damage.py::test_"
THROUGH = "entries/test_through_a_function.py::test_"
THREADS = "flight/test_threads.py::test_"
PROCESSES = "flight/test_processes.py::test_"
DIRECTORY = "stores/test_directory.py::test_"
CLEAR = "stores/test_directory_clear.py::test_"
AWAITED = "aio/test_quick.py::test_"
CLEARING = "stores/test_directory_clear.py::test_"
LIMITS = "stores/test_directory_limits.py::test_"
GUARDS = "test_guards.py::test_"
SECRET = "test_secret.py::test_"

MUTANTS = [
    # -- entries
    Mutant(
        "the MAC is compared",
        "codec.py",
        "if not same_digest(found, code):",
        "if False:",
        DAMAGE + "every_flipped_bit_is_refused",
    ),
    Mutant(
        "the MAC covers the store key",
        "codec.py",
        'return (_USUAL if size == _USUAL_SIZE else size.to_bytes(8, "little")) + raw',
        'return b""',
        DAMAGE + "another_key_is_refused",
    ),
    Mutant(
        "the MAC covers the namespace",
        "codec.py",
        "names = (namespace, serializer.name)",
        'names = ("", serializer.name)',
        DAMAGE + "another_namespace_is_refused",
    ),
    Mutant(
        "the MAC covers the purpose",
        "codec.py",
        "frame(purpose.encode(), ",
        'frame(b"", ',
        DAMAGE + "another_purpose_is_refused",
    ),
    Mutant(
        "the MAC covers the serializer's name",
        "codec.py",
        "names = (namespace, serializer.name)",
        'names = (namespace, "")',
        DAMAGE + "another_serializer_is_refused",
    ),
    Mutant(
        "parts are framed by their lengths",
        "signing.py",
        'len(part).to_bytes(8, "little") + part',
        "part",
        DAMAGE + "purpose_and_namespace_are_framed",
    ),
    Mutant(
        "nothing may follow an entry",
        "codec.py",
        "elif size != end:",
        "elif False:",
        DAMAGE + "trailing_bytes_are_refused",
    ),
    Mutant(
        "nothing may follow the last buffer",
        "buffers.py",
        "if position != source.size:",
        "if False:",
        DAMAGE + "trailing_bytes_are_refused",
    ),
    Mutant(
        "a buffer is compared with its signed digest",
        "buffers.py",
        "not same_digest(mac.digest(data), digest)",
        "False",
        DAMAGE + "every_flipped_byte_of_an_entry_with_buffers_is_refused",
    ),
    Mutant(
        "padding is zeros",
        "buffers.py",
        "any(source.read(position, start)) or ",
        "",
        DAMAGE + "padding_must_be_zeros",
    ),
    Mutant(
        "a buffer has its whole size",
        "buffers.py",
        "if stop > source.size:",
        "if False:",
        DAMAGE + "a_huge_buffer_in_a_signed_table_allocates_nothing",
    ),
    Mutant(
        "lengths lie within the entry",
        "codec.py",
        "if end > size:",
        "if False:",
        DAMAGE + "huge_lengths_allocate_nothing",
    ),
    Mutant(
        "another format is told as such",
        "header.py",
        "if found != FORMAT:",
        "if False:",
        DAMAGE + "another_format_is_told_as_such",
    ),
    Mutant(
        "an entry of another kind or compression is not read",
        "codec.py",
        "if raises is None:",
        "if False:",
        DAMAGE + "an_entry_is_read_only_by_who_asks_for_its_kind",
    ),
    Mutant(
        "only plain data are mapped without a check",
        "buffers.py",
        "if flags & PLAIN and size == raw_size else None",
        "",
        "test_mmap.py::test_what_is_no_plain_array_is_read_and_checked",
    ),
    Mutant(
        "what is compressed is not mapped",
        "buffers.py",
        " and size == raw_size else None",
        " else None",
        "test_mmap.py::test_compressed_arrays_are_not_mapped",
    ),
    Mutant(
        "only numbers are plain data",
        "outofband.py",
        " and owner.dtype.kind in _PLAIN",
        "",
        "test_mmap.py::test_what_is_no_plain_array_is_read_and_checked",
    ),
    Mutant(
        "compressed data are no more than was signed for",
        "compression.py",
        "if done + len(out) > size:",
        "if False:",
        "test_compression.py::test_data_that_are_not_of_the_size_are_refused",
    ),
    Mutant(
        "compressed data are no less than was signed for",
        "compression.py",
        "if done != size or ",
        "if ",
        "test_compression.py::test_data_that_are_not_of_the_size_are_refused",
    ),
    Mutant(
        "an absurd length takes no memory",
        "compression.py",
        "if size > len(data) * _TIGHTEST:",
        "if False:",
        "test_compression.py::test_an_absurd_length_is_refused_without_taking_memory",
    ),
    Mutant(
        "what does not shrink is stored as it is",
        "compression.py",
        "if length >= size:",
        "if False:",
        "test_compression.py::test_what_does_not_shrink_is_not_compressed",
    ),
    Mutant(
        "functions that compress otherwise do not meet",
        "opening.py",
        'return f"{serializer.form}+{compress}" if compress else serializer.form',
        "return serializer.form",
        "test_compression.py::test_functions_that_differ_in_compress_share_nothing_and_overwrite_nothing",
    ),
    Mutant(
        "metadata that nest too deeply are none",
        "header.py",
        "(ValueError, RecursionError, UnknownFormatError)",
        "(ValueError, UnknownFormatError)",
        "fuzz/test_corpus.py::test_bytes_are_an_entry_as_it_was_written_or_refused",
    ),
    # -- the allow-list
    Mutant(
        "nothing is loaded that is not allowed",
        "allowed.py",
        "if full not in self._allowed:",
        "if False:",
        "test_serializers.py::test_a_hostile_pickle_is_not_run",
    ),
    Mutant(
        "nothing is loaded by its number that is not allowed",
        "allowed.py",
        "copyreg.clear_extension_cache()",
        "pass",
        "test_serializers.py::test_classes_registered_by_number_are_under_the_list",
    ),
    Mutant(
        "nothing is stored that is not allowed",
        "allowed.py",
        "if name not in self._allowed:",
        "if False:",
        "test_serializers.py::test_what_could_not_be_loaded_is_not_written",
    ),
    # -- time
    Mutant(
        "an entry is expired at its ttl",
        "expiry.py",
        "age < ttl",
        "age <= ttl",
        "test_ttl.py::test_a_result_is_a_hit_one_tick_before_its_ttl_and_a_miss_at_it",
    ),
    Mutant(
        "an entry from the far future is a miss",
        "expiry.py",
        "age >= -SKEW and ",
        "",
        "test_ttl.py::test_an_entry_from_the_future_is_a_hit_up_to_five_minutes_and_a_miss_beyond",
    ),
    Mutant(
        "the skew is five minutes",
        "expiry.py",
        "age >= -SKEW",
        "age > -SKEW",
        "test_ttl.py::test_an_entry_from_the_future_is_a_hit_up_to_five_minutes_and_a_miss_beyond",
    ),
    # -- secrets
    Mutant(
        "the secret file's mode",
        "secret.py",
        "if POSIX and found.st_mode & self.forbidden:",
        "if False:",
        SECRET + "the_own_file_must_be_closed_to_others",
    ),
    Mutant(
        "a named secret file's mode",
        "secret.py",
        "stat.S_IWGRP | stat.S_IWOTH",
        "0",
        SECRET + "a_named_file_must_not_be_writable_by_others",
    ),
    Mutant(
        "the secret file's owner",
        "secret.py",
        "if POSIX and found.st_uid != os.geteuid():",
        "if False:",
        SECRET + "the_own_file_must_belong_to_the_user",
    ),
    Mutant(
        "the secret file is no symlink",
        "secret.py",
        "flags = READ_FLAGS\n",
        "flags = Check.flags\n",
        SECRET + "the_own_file_must_not_be_a_symlink",
    ),
    Mutant(
        "a secret's least length",
        "secret.py",
        "len(raw) < MIN_SECRET_SIZE or ",
        "",
        SECRET + "an_unusable_argument_is_an_error_at_once",
    ),
    Mutant(
        "a secret is not blank",
        "secret.py",
        " or not raw.strip():",
        ":",
        SECRET + "an_unusable_argument_is_an_error_at_once",
    ),
    Mutant(
        "a secret made meanwhile is kept",
        "secret.py",
        "os.link(temporary, path)",
        "os.link(temporary, temporary + '2'), os.replace(temporary + '2', path)",
        GUARDS + "a_secret_that_another_process_made_meanwhile_is_kept",
    ),
    # -- keys
    Mutant(
        "True is not 1 among a call's arguments",
        "canonical/bulk.py",
        "encoding = dumps(value, VERSION)",
        "return collapse(dumps(tuple(int(x) if type(x) is bool else x for x in value), VERSION))",
        GUARDS + "equal_values_of_other_types_or_signs_are_other_arguments",
    ),
    Mutant(
        "a subclass of str is no str among a call's arguments",
        "canonical/bulk.py",
        "not (type(item) is str and len(item) <= LONG)",
        "not (isinstance(item, str) and len(item) <= LONG)",
        GUARDS + "a_value_of_a_subclass_is_another_argument",
    ),
    Mutant(
        "a subclass is no scalar",
        "canonical/walk.py",
        "if type(value) in SCALARS and not is_long(value):\n            return scalar(value)",
        "if isinstance(value, str) and not is_long(value):\n            return scalar(str(value))\n"
        "        if type(value) in SCALARS and not is_long(value):\n            return scalar(value)",
        GUARDS + "a_value_of_a_subclass_is_another_argument",
    ),
    Mutant(
        "the sign of zero among a call's arguments",
        "canonical/bulk.py",
        "encoding = dumps(value, VERSION)",
        "return collapse(dumps(tuple(x + 0 if type(x) is float else x for x in value), VERSION))",
        GUARDS + "equal_values_of_other_types_or_signs_are_other_arguments",
    ),
    Mutant(
        "the sign of zero",
        "canonical/nodes.py",
        "    return dumps(value, VERSION)\n",
        "    return dumps(value + 0 if type(value) is float else value, VERSION)\n",
        "keys/test_same.py::test_atoms_have_one_key_exactly_if_they_are_the_same",
    ),
    Mutant(
        "an ignored name is a parameter",
        "binder.py",
        "if unknown:",
        "if False:",
        "test_decorator.py::TestOptions::test_a_wrong_option_is_an_error_when_decorating",
    ),
    # -- the path of a call
    Mutant(
        "the second look, under the lock",
        "steps.py",
        "self._lookup.value(call.key, QUIET)\n        if value is MISSING and flight",
        "MISSING\n        if value is MISSING and flight",
        GUARDS + "a_value_stored_while_the_lock_was_waited_for_is_a_hit",
    ),
    Mutant(
        "waiters don't queue after a holder that stored nothing",
        "steps.py",
        "if value is MISSING and flight.lock.handed_over:",
        "if False:",
        GUARDS + "waiters_compute_side_by_side_when_the_holder_stored_nothing",
    ),
    Mutant(
        "after a killed holder one waiter computes",
        "locks.py",
        "self.handed_over = self.waited and not found.st_size and self._before != _identity(found)",
        "self.handed_over = self.waited and not found.st_size",
        GUARDS + "a_lock_is_handed_over_by_a_holder_that_ended_and_not_by_one_that_was_killed",
    ),
    Mutant(
        "edited code is stale under a version",
        "freshness.py",
        "if self.code is not None and found.code != self.code:",
        "if False:",
        "test_explain.py::test_edited_code_is_told_under_a_version_too",
    ),
    Mutant(
        "edited code is stale for a hit too",
        "lookup.py",
        "< self._end and found.code == self._code and",
        "< self._end and",
        "test_quick.py::test_an_entry_of_other_code_under_the_same_version_is_a_miss",
    ),
    Mutant(
        "what a store let go of is not found the quick way",
        "stores/memory.py",
        "self.shortcut.born = _FOREVER",
        "pass",
        "test_quick.py::test_what_was_invalidated_or_cleared_is_a_miss",
    ),
    Mutant(
        "0.0 and -0.0 are two calls for the quick way",
        "quick.py",
        "return bool(value != 0 and value == value)",
        "return bool(value == value)",
        "test_quick.py::test_zero_and_minus_zero_are_two_calls",
    ),
    Mutant(
        "the types in a tuple count for the quick way",
        "quick.py",
        "return tuple(map(type, value))\n",
        "return len(value)\n",
        "test_quick.py::test_equal_tuples_of_other_types_are_other_calls",
    ),
    Mutant(
        "the quick way leaves disabled caches alone",
        "quick.py",
        "if USABLE and not __switch__.off:",
        "if USABLE:",
        "test_quick.py::test_disabling_reaches_a_quick_function",
    ),
    Mutant(
        "an exception is not a value for the quick way",
        "stores/memory.py",
        "if not record.raises:",
        "if True:",
        "test_results.py::test_a_stored_exception_is_never_learned_by_the_quick_way",
    ),
    # -- freshness and results
    Mutant(
        "the stale window ends",
        "freshness.py",
        "<= now < found.created + ttl + window",
        "<= now",
        "test_freshness.py::test_after_the_window_the_caller_computes",
    ),
    Mutant(
        "what may still be used is not overwritten by an exception",
        "steps.py",
        "and (flight.by_hand or not self._lookup.is_of_use(call.key))",
        "",
        "test_freshness_combined.py::test_stale_if_error_goes_before_a_remembered_exception",
    ),
    Mutant(
        "store_if is asked",
        "keeper.py",
        "if not (self._store_if is None or raised or self._store_if(value)):",
        "if False:",
        "test_results.py::test_what_store_if_refuses_is_returned_and_not_stored",
    ),
    Mutant(
        "only what is listed is raised again",
        "lookup.py",
        "return Failure(error) if isinstance(error, self._exceptions) else MISSING",
        "return Failure(error)",
        "test_results.py::test_what_is_no_longer_among_the_exceptions_is_computed",
    ),
    Mutant(
        "an expired older value is not migrated",
        "migration.py",
        "or self._freshness.stale(found, microseconds(self._clock))",
        "",
        "test_results.py::test_an_expired_older_value_is_not_migrated",
    ),
    Mutant(
        "the look at the lock's own path before publishing",
        "keeper.py",
        "if not guards and not flight.lock.held():\n            return False",
        "if False:\n            return False",
        GUARDS + "a_late_value_does_not_replace_the_one_stored_after_an_invalidation",
    ),
    Mutant(
        "the look at the lock's own path after publishing",
        "keeper.py",
        "if not guards and not flight.lock.held():\n            writer.retract()",
        "if False:\n            writer.retract()",
        GUARDS + "a_value_invalidated_while_it_was_being_written_is_taken_back",
    ),
    Mutant(
        "the look at the lock before its file is renamed",
        "stores/folder.py",
        "if size is None or not lock.held():",
        "if size is None:",
        GUARDS + "a_late_value_leaves_alone_the_lock_file_of_who_computes_after_an_invalidation",
    ),
    Mutant(
        "the look whether it was our lock file that was renamed",
        "stores/folder.py",
        "if not lock.renamed():",
        "if lock.renamed() is None:",
        "stores/test_lock_becomes_entry.py::test_the_lock_file_of_another_that_was_renamed_in_our_place_is_no_entry",
    ),
    Mutant(
        "a file that has become an entry is not taken for the lock",
        "lockfile.py",
        "or (found.st_size and not self.is_there(found))",
        "",
        "stores/test_lock_becomes_entry.py::test_who_locks_the_file_once_it_is_the_entry_does_not_take_it_for_the_lock",
    ),
    Mutant(
        "only a lock file that we made is written into",
        "locks.py",
        "and self._file.made and",
        "and",
        "stores/test_lock_becomes_entry.py::test_a_planted_lock_file_is_not_written_into",
    ),
    Mutant(
        "a lock file is written into once",
        "locks.py",
        "if self._mine is None or self._used:",
        "if self._mine is None:",
        "stores/test_lock_becomes_entry.py::test_a_lock_file_is_used_once",
    ),
    Mutant(
        "only the lock file of an entry becomes that entry",
        "stores/folder.py",
        'or lock.path != f"{self._path}.lock"',
        "",
        "stores/test_lock_becomes_entry.py::test_under_the_lock_of_something_else_an_entry_is_written_beside",
    ),
    Mutant(
        "what a killed holder wrote is not handed over",
        "locks.py",
        "and not found.st_size and",
        "and",
        "stores/test_lock_becomes_entry.py::test_what_a_killed_holder_had_written_is_not_handed_over",
    ),
    Mutant(
        "the second look is not left out",
        "stores/directory.py",
        "and self._misses.is_still_absent(self.place(key))",
        "",
        GUARDS + "a_value_stored_while_the_lock_was_waited_for_is_a_hit",
    ),
    Mutant(
        "what got the number of a lock file that was let go of is not written into",
        "lockfile.py",
        "return fill(fd) if os.path.samestat(os.fstat(fd), found) else None",
        "return fill(fd)",
        "stores/test_lock_becomes_entry.py"
        "::test_a_lock_that_another_thread_lets_go_of_is_not_written_into_nor_what_gets_its_number",
    ),
    Mutant(
        "those who compute side by side share a lock",
        "locks.py",
        "if share is not None and share():",
        "if False:",
        GUARDS + "a_value_handed_over_after_an_invalidation_is_kept_out_by_the_next_one",
    ),
    Mutant(
        "a shared lock is removed by the last",
        "locks.py",
        "and (not self._file.shared or self._file.is_last())",
        "",
        GUARDS + "what_one_of_those_who_share_a_lock_computes_is_stored_though_the_others_fail",
    ),
    Mutant(
        "who comes later does not join those who share a lock",
        "locks.py",
        "if self._file.shared and not self.handed_over:",
        "if False:",
        GUARDS + "who_comes_later_waits_for_those_who_share_a_lock",
    ),
    Mutant(
        "a lock that was lost in sharing it is not removed",
        "locks.py",
        "self._mine = None  # another has locked it",
        "pass",
        GUARDS + "a_lock_that_was_lost_while_it_became_a_shared_one_is_not_removed",
    ),
    Mutant(
        "a dropped flight does not publish",
        "keeper.py",
        "stored = not flight.is_dropped() and self._publish(",
        "stored = self._publish(",
        THREADS + "a_value_computed_while_its_key_is_forgotten_is_not_left_in_the_store",
    ),
    Mutant(
        "what is computed alone does not publish once it is dropped",
        "alone.py",
        "stored = publishing in flying and writer.publish(",
        "stored = writer.publish(",
        "test_alone.py::test_a_value_invalidated_by_another_thread_meanwhile_is_not_stored",
    ),
    Mutant(
        "a function that asks for more does not go the quick way of a miss",
        "alone.py",
        "if asks_for_more or freshness.window",
        "if freshness.window",
        "test_alone.py::test_a_function_that_asks_for_more_goes_the_plain_way",
    ),
    Mutant(
        "clearing a cache drops its flights",
        "cache.py",
        "self.flights.drop(prefix)",
        "pass",
        THREADS + "a_value_computed_while_its_key_is_forgotten_is_not_left_in_the_store",
    ),
    Mutant(
        "invalidating drops the flight",
        "memo.py",
        "self._cache.flights.drop(key)",
        "pass",
        THREADS + "a_value_computed_while_its_key_is_forgotten_is_not_left_in_the_store",
    ),
    Mutant(
        "a child does not hold its parent's lock",
        "locks.py",
        "return self._mine is not None and self._file.pid == os.getpid() and",
        "return self._mine is not None and",
        GUARDS + "a_forked_child_neither_holds_nor_releases_its_parents_lock",
    ),
    Mutant(
        "a lock is held while its path is its own",
        "locks.py",
        "and self._file.is_there(self._mine)",
        "",
        GUARDS + "a_late_value_leaves_alone_the_lock_file_of_who_computes_after_an_invalidation",
    ),
    Mutant(
        "a lock file is looked at once it is locked",
        "lockfile.py",
        "if not found.st_nlink or",
        "if",
        "test_lockfile.py::test_a_file_removed_by_its_holder_after_it_was_opened_is_not_the_lock",
    ),
    Mutant(
        "a stored object is a copy",
        "faces.py",
        "pickled = facts.kind == EXCEPTION or (self._store.copy and type(value) not in self._as_they_are)",
        "pickled = False",
        "stores/test_memory.py::test_what_a_caller_changes_is_not_what_is_stored",
    ),
    Mutant(
        "a loaded array is the caller's own",
        "buffers.py",
        "return copied(view) if view.readonly else view",
        "return view",
        THROUGH + "arrays_come_back_writable_and_each_caller_has_his_own",
    ),
    # -- files
    Mutant(
        "an entry appears whole (os.replace)",
        "files.py",
        "os.replace(source, target, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)\n\n",
        "into = os.open(target, os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=dir_fd)\n"
        "    os.write(into, os.read(os.open(source, os.O_RDONLY, dir_fd=dir_fd), 10**6))\n"
        "    os.unlink(source, dir_fd=dir_fd)\n\n",
        GUARDS + "an_entry_is_replaced_by_another_file_and_never_written_over",
    ),
    Mutant(
        "an entry is never a symlink (O_NOFOLLOW)",
        "files.py",
        'getattr(os, "O_NOFOLLOW", 0) | ',
        "",
        THROUGH + "a_symlink_is_refused_and_replaced",
    ),
    Mutant(
        "a function's folder is never a symlink",
        "folders.py",
        "os.O_DIRECTORY | os.O_NOFOLLOW",
        "os.O_DIRECTORY",
        DIRECTORY + "a_function_folder_that_is_a_symlink_is_no_place_to_write",
    ),
    Mutant(
        "an entry is a regular file",
        "stores/entryfile.py",
        'if not stat.S_ISREG(found.st_mode):\n        raise BadEntryError("not a regular file", place)',
        'if False:\n        raise BadEntryError("not a regular file", place)',
        DIRECTORY + "the_head_of_what_is_no_file_is_refused",
    ),
    Mutant(
        "files are 0600 whatever the umask",
        "files.py",
        "os.fchmod(fd, 0o600)",
        "pass",
        DIRECTORY + "files_are_0600_and_directories_0700_under_any_umask",
    ),
    Mutant(
        "entries are 0600 whatever the umask",
        "stores/folder.py",
        "os.fchmod(fd, _MODE)",
        "pass",
        DIRECTORY + "files_are_0600_and_directories_0700_under_any_umask",
    ),
    Mutant(
        "a store without a limit looks again for an account once one is made",
        "stores/account.py",
        "<= MOMENT and made == Usage.made:",
        "<= MOMENT:",
        LIMITS + "a_store_without_a_limit_tells_one_that_has_just_begun_to_keep_account",
    ),
    Mutant(
        "directories are 0700 whatever the umask",
        "files.py",
        "os.chmod(path, 0o700, dir_fd=dir_fd)",
        "pass",
        DIRECTORY + "files_are_0600_and_directories_0700_under_any_umask",
    ),
    Mutant(
        "a failed write leaves no temporary file",
        "stores/folder.py",
        "remove_file(temporary, self._fd)",
        "pass",
        DIRECTORY + "a_failed_set_leaves_no_temporary_file",
    ),
    Mutant(
        "clear renames the folder aside first",
        "stores/aside.py",
        'aside = os.path.join(root, f".mpk-{os.urandom(8).hex()}.cleared")',
        "aside = folder",
        GUARDS + "a_clear_takes_a_late_value_along_even_where_foreign_files_keep_the_folder",
    ),
    Mutant(
        "invalidating removes the lock file",
        "stores/directory.py",
        'remove_file(f"{path}.lock")',
        "pass",
        PROCESSES + "a_value_computed_while_another_process_forgets_it_is_not_left_in_the_store",
    ),
    Mutant(
        "foreign files are not removed",
        "stores/aside.py",
        "if is_ours(entry.name):",
        "if True:",
        CLEAR + "prune_leaves_foreign_files_in_a_folder_set_aside",
    ),
    Mutant(
        "foreign files are moved back",
        "stores/aside.py",
        "_move_back(aside, folder)",
        "pass",
        DIRECTORY + "foreign_files_are_never_removed",
    ),
    Mutant(
        "a young temporary file is not pruned",
        "stores/leftovers.py",
        "> _ORPHAN_AGE:",
        "> -1:",
        DIRECTORY + "old_temporary_files_of_our_pattern_are_removed_by_prune",
    ),
    Mutant(
        "prune leaves held locks",
        "stores/leftovers.py",
        "if lock.acquire(0):\n                lock.release()",
        "os.unlink(os.path.join(folder, shard, name))",
        DIRECTORY + "lock_files_of_killed_holders_are_removed_by_prune_and_held_ones_are_not",
    ),
    Mutant(
        "an entry that was hit since it was looked at is not evicted",
        "stores/eviction.py",
        "if last_used(found) != used or found.st_size != size:",
        "if False:",
        LIMITS + "a_hit_after_the_entry_was_looked_at_saves_it_too",
    ),
    Mutant(
        "what is no file is neither counted nor evicted",
        "stores/look.py",
        "if FUNCTION.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False)",
        "if FUNCTION.fullmatch(entry.name)",
        LIMITS + "what_lies_behind_links_is_not_evicted",
    ),
    Mutant(
        "an entry larger than the limit is not stored",
        "stores/folder.py",
        "if size > self._account.largest:",
        "if False:",
        LIMITS + "what_is_too_large_is_not_written_to_its_end",
    ),
    Mutant(
        "the account is begun anew where it is damaged",
        "stores/usage.py",
        "if size % _RECORD.size:",
        "if False:",
        LIMITS + "a_damaged_account_is_mended",
    ),
    Mutant(
        "what others appended beside our own changes is read",
        "stores/usage.py",
        "if new == size:",
        "if size:",
        "stores/test_usage.py::test_two_who_keep_account_and_one_who_only_tells_agree",
    ),
    Mutant(
        "an account that became shorter is begun anew",
        "stores/usage.py",
        "if not 0 <= new <= _TOO_LONG:",
        "if not new <= _TOO_LONG:",
        "stores/test_usage.py::test_an_account_that_lost_its_end_is_begun_anew",
    ),
    Mutant(
        "times from the future are the oldest",
        "stores/look.py",
        "place = used if used <= latest else used - _NEVER",
        "place = used",
        LIMITS + "times_from_the_future_make_nothing_immortal_and_change_no_answer",
    ),
    Mutant(
        "what changes while a slice is looked at is counted",
        "stores/look.py",
        "entries += now[0] - self._known[0]",
        "pass",
        LIMITS + "what_changes_while_a_slice_is_looked_at_is_counted",
    ),
    Mutant(
        "a long account is read to its end",
        "stores/usage.py",
        "self.behind = new > _MOST",
        "self.behind = False",
        LIMITS + "a_very_long_account_is_read_a_part_at_a_time_and_loses_nothing",
    ),
    Mutant(
        "a shelf's late value is kept out",
        "stores/shelf.py",
        "if _generation(database, key) != generation:",
        "if False:",
        GUARDS + "a_shelf_keeps_out_a_value_computed_during_a_clear",
    ),
    Mutant(
        "a directory for locks is one's own",
        "stores/userfiles.py",
        " and not (POSIX and found.st_mode & 0o022)",
        "",
        "stores/test_base.py",
    ),
    Mutant(
        "nobody else can replace a directory for locks",
        "stores/userfiles.py",
        "for one in (*above, path)",
        "for one in (path,)",
        "stores/test_base.py",
    ),
    Mutant(
        "quick hits of tasks let others have their turn",
        "aio/quick.py",
        "if counts.hits & _MOST or not turns.is_over():",
        "if True:",
        AWAITED + "quick_hits_one_after_the_other_let_others_have_their_turn",
    ),
    Mutant(
        "a large result is not loaded in the event loop the quick way",
        "aio/quick.py",
        "_PLAIN if turns.is_over() or not is_small(key) else",
        "_PLAIN if turns.is_over() else",
        AWAITED + "what_was_replaced_by_a_large_result_is_loaded_in_a_thread",
    ),
    Mutant(
        "a large record is not loaded in the event loop the quick way",
        "memo.py",
        "if record.pickled and record.size > most:",
        "if False:",
        AWAITED + "what_takes_longer_to_load_goes_the_plain_way",
    ),
    Mutant(
        "a directory under the name of an entry is none",
        "stores/aside.py",
        '"" if entry.is_dir(follow_symlinks=False) else entry.name',
        "entry.name",
        CLEARING + "a_directory_under_the_name_of_an_entry_is_not_counted_and_what_is_in_it_moved_back",
    ),
    Mutant(
        "a function whose cache was exchanged in its first call binds again",
        "function.py",
        "if not callable(self._source) or self._source(self) is cache:",
        "if True:",
        "test_config.py::TestConfiguredInTheFirstCall",
    ),
    Mutant(
        "a function unbound in its first call keeps nothing of the old cache",
        "function.py",
        "if self._opened is not memo:",
        "if False:",
        "test_config.py::TestConfiguredInTheFirstCall",
    ),
    Mutant(
        "a call from within the table of flights does not wait for itself",
        "flight.py",
        "self.guard: RLock = RLock()",
        "self.guard = threading.Lock()",
        THREADS + "a_signal_handler_that_comes_while_a_guard_is_held_may_call_a_cached_function",
    ),
    Mutant(
        "what a thread counted stays when it has ended",
        "counts.py",
        "self._ended[name] += count",
        "pass",
        "test_counts.py::test_what_ended_threads_counted_stays",
    ),
]


class Outcome(NamedTuple):
    """What became of one run."""

    caught: str
    trouble: str
    seconds: float


class Copy:
    """A copy of package and tests, in which one mutant at a time lives."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        skip = shutil.ignore_patterns("__pycache__")
        for name in ("memopickle", "tests", "docs", "benchmarks"):
            shutil.copytree(ROOT / name, folder / name, ignore=skip)
        for name in ("pyproject.toml", "README.md"):
            shutil.copy(ROOT / name, folder / name)
        # By content: an edit that changes neither size nor second must not go unnoticed.
        mode = py_compile.PycInvalidationMode.CHECKED_HASH
        compileall.compile_dir(folder / "memopickle", quiet=2, invalidation_mode=mode)

    def tests(self, selected: str) -> Outcome:
        """Run some tests, to the first that fails."""
        started = time.monotonic()
        try:
            ended = self.pytest(["-x", f"tests/{selected}"], PATIENCE)
        except subprocess.TimeoutExpired:
            return Outcome("", f"hangs for {PATIENCE} s", time.monotonic() - started)
        seconds = time.monotonic() - started
        failed = failures(ended.stdout)
        if ended.returncode == 1 and failed:
            return Outcome(failed[0], "", seconds)
        told = f"{ended.stdout[-600:]}{ended.stderr[-300:]}"
        return Outcome("", f"no test failed, but: {told}" if ended.returncode else "", seconds)

    def red(self, selections: list[str]) -> list[str]:
        """Return the tests that fail where nothing is broken: they would catch nothing."""
        ended = self.pytest([f"tests/{selection}" for selection in selections], PATIENCE * 3)
        failed = failures(ended.stdout)
        if ended.returncode and not failed:
            raise SystemExit(f"the tests do not run without a mutation: {ended.stdout[-2000:]}{ended.stderr[-500:]}")
        return failed

    def pytest(self, arguments: list[str], patience: float) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=environment(self.folder), capture_output=True, text=True, timeout=patience,
            check=False,
        )  # fmt: skip

    def mutated(self, mutant: Mutant) -> Outcome:
        """Break a guard, run its tests, mend it."""
        path = self.folder / "memopickle" / mutant.file
        text = path.read_text(encoding="utf-8")
        if text.count(mutant.old) != 1:
            return Outcome("", f"its text fits {mutant.file} {text.count(mutant.old)} times, not once", 0.0)
        path.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
        try:
            return self.tests(mutant.tests)
        finally:
            path.write_text(text, encoding="utf-8")


def failures(output: str) -> list[str]:
    """The names of failed tests in what pytest printed."""
    return re.findall(r"^(?:FAILED|ERROR) tests/(.*?)(?: - .*)?$", output, re.MULTILINE)


def environment(folder: Path) -> dict[str, str]:
    # Bytecode is written: the tests', which nobody edits here, need not be compiled for every mutant.
    left = ("PYTEST", "MEMOPICKLE", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left)}
    return {**kept, "PYTHONPATH": str(folder)}


def run(mutants: list[Mutant], folder: Path) -> list[Outcome]:
    """Run the tests unbroken, which must be green, and then every mutant in one of the copies."""
    copies = [Copy(folder / str(number)) for number in range(COPIES)]
    selections = sorted({mutant.tests for mutant in mutants})
    free: queue.Queue[Copy] = queue.Queue()

    def mutated(mutant: Mutant) -> Outcome:
        copy = free.get()
        try:
            return copy.mutated(mutant)
        finally:
            free.put(copy)

    with ThreadPoolExecutor(COPIES) as pool:
        shares = pool.map(lambda number: copies[number].red(selections[number::COPIES] or selections), range(COPIES))
        red = [name for share in shares for name in share]
        for copy in copies:
            free.put(copy)
        return [told_red(outcome, red) for outcome in pool.map(mutated, mutants)]


def told_red(outcome: Outcome, red: list[str]) -> Outcome:
    """A test that is red without the mutation catches nothing."""
    return outcome._replace(caught="", trouble="red without the mutation") if outcome.caught in red else outcome


def main(words: list[str]) -> int:
    """Print a table of guards; 1 if one is not guarded by a test."""
    mutants = [mutant for mutant in MUTANTS if all(word in mutant.guard for word in words)]
    if not mutants:
        print(f"no guard has all of these words in its name: {' '.join(words)}")
        return 2
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        outcomes = run(mutants, Path(folder))
    print("| guard | mutation | caught by | s |\n|---|---|---|---|")
    for mutant, outcome in zip(mutants, outcomes, strict=True):
        verdict = outcome.caught or outcome.trouble or "SURVIVED"
        print(f"| {mutant.guard} | {mutant.file}: `{mutant.told()}` | {verdict} | {outcome.seconds:.1f} |")
    survived = [mutant.guard for mutant, outcome in zip(mutants, outcomes, strict=True) if not outcome.caught]
    print(f"\n{len(mutants) - len(survived)} of {len(mutants)} caught in {time.monotonic() - started:.0f} s")
    for guard in survived:
        print(f"not caught: {guard}")
    return 1 if survived else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
