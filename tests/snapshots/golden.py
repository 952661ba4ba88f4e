"""The golden snapshots and signed values of tests/formats: what they hold, and how they were made.

``python tests/snapshots/golden.py`` makes those that are missing; what is there is never made again. A new format gets
new ones beside them.
"""

import os
import pickle
import sys
from pathlib import Path

FORMATS = Path(__file__).parents[1] / "formats"
SNAPSHOTS = FORMATS / "snapshots-2"
SIGNED = FORMATS / "signed-2"
SECRET = "golden secret of 32 bytes or more"
NAMESPACE = "golden ä"
SAVED = 1_700_000_000.123456
METADATA = {"loss": 0.25, "note": "café"}
STATE = {"text": "café", "numbers": [1, -2.5, None, True, 10**30], "nested": [[], {}]}
#: How each was saved. Version 1 kept a list, 2 a dict with one number, 3 has it as "steps".
SAVES = {
    "version 1": {"version": 1, "state": [7, STATE]},
    "version 2": {"version": 2, "state": {"step": 7, "rest": STATE}},
    "version 3": {"version": 3, "state": {"steps": 7, "rest": STATE}},
    "compressed": {"version": 3, "state": {"steps": 7, "rest": [0] * 5000}, "compress": "zlib"},
    "buffers/ä": {"version": 3, "state": {"steps": 7, "rest": pickle.PickleBuffer(bytes(range(250)) * 20)}},
}
STEPS = {
    1: lambda state: {"step": state[0], "rest": state[1]},
    2: lambda state: {"steps": state["step"], "rest": state["rest"]},
}
VALUES = {
    "plain.mpk": ({}, STATE),
    "named.mpk": ({"name": "cookie ä"}, STATE),
    "protocol-2.mpk": ({"protocol": 2}, STATE),
    "zlib.mpk": ({"compress": "zlib"}, [0] * 5000),
    "json.mpk": ({"serializer": "json"}, {"text": "café"}),
}


def main():
    from memopickle import Snapshots, signed

    for name, how in SAVES.items():
        options = {"version": how["version"], "compress": how.get("compress"), "namespace": NAMESPACE}
        snapshots = Snapshots(SNAPSHOTS, secret=SECRET, clock=lambda: SAVED, **options)
        if not snapshots.history(name):
            snapshots.save(name, how["state"], **METADATA)
    SIGNED.mkdir(exist_ok=True)
    for file, (options, value) in VALUES.items():
        if not os.path.exists(SIGNED / file):
            signed.dump(value, SIGNED / file, SECRET, **options)


if __name__ == "__main__":
    sys.exit(main())
