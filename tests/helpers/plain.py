"""A store of a third party: the four methods and nothing else."""

import os
import tempfile
from urllib.parse import quote, unquote

from memopickle import Store


class PlainStore(Store):
    """One file for each key, in one directory that exists."""

    def __init__(self, root):
        self.root = str(root)

    def path(self, key):
        return os.path.join(self.root, quote(key, safe=""))

    def get(self, key):
        try:
            with open(self.path(key), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def set(self, key, chunks, expires_at):
        fd, beside = tempfile.mkstemp(prefix="~", dir=self.root)
        try:
            with open(fd, "wb") as file:
                file.writelines(chunks)
            os.replace(beside, self.path(key))
        except BaseException:
            os.unlink(beside)
            raise

    def delete(self, key):
        try:
            os.unlink(self.path(key))
        except FileNotFoundError:
            return False
        return True

    def keys(self, prefix=""):
        names = (unquote(name) for name in os.listdir(self.root) if not name.startswith("~"))
        return (name for name in names if name.startswith(prefix))
