"""Files read and written behind a store's back."""

import os


def raw_read(path):
    """Return what is in a file, None if there is none."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def raw_write(path, data):
    """Put bytes into a file, in a directory that is made if need be."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)
