"""The canonical form of values: the bytes that keys are made of."""
