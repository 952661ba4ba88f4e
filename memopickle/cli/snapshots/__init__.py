"""``memopickle snapshots``: the saved states of programs."""
