"""``memopickle demo``: the main job on real input, and what happens to entries that were tampered with."""
