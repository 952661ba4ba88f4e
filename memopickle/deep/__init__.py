"""What a function's code names, and what that names in turn."""
