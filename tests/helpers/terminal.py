"""Programs in a terminal of a given width: what they print there, and what they do when answered."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios

__all__ = ["in_terminal", "plain"]

#: Seconds of silence after which what was typed is typed again.
_PATIENCE = 3.0
_QUESTION = b"[y/N]: "
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def in_terminal(command, columns=80, answer="", environment=None):
    """Run a program in a terminal; return its exit code and all that appeared.

    ``answer`` is typed when a yes-or-no question appears.
    """
    pid, fd = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # which a shell's background jobs ignore
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        surroundings = os.environ if environment is None else environment
        os.execvpe(command[0], command, {**surroundings, "TERM": "xterm"})
    try:
        appeared = _read(fd, answer.encode())
    finally:
        os.close(fd)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return code, appeared.decode().replace("\r\n", "\n")


def _read(fd, answer):
    appeared, typed = b"", False
    while True:
        if answer and not typed and _QUESTION in appeared:
            os.write(fd, answer)
            typed = True
        if not select.select([fd], [], [], _PATIENCE if typed else None)[0]:
            # A Ctrl-C typed just before Python's readline begins to wait is noticed at the next key only.
            os.write(fd, answer)
            continue
        try:
            more = os.read(fd, 65536)
        except OSError:  # Linux's way to say that nobody has the other end open
            return appeared
        if not more:
            return appeared
        appeared += more


def plain(text):
    """Return what can be read of it: without escape codes, and of each line what was written last."""
    return "\n".join(line.split("\r")[-1] for line in _ESCAPES.sub("", text).split("\n"))
