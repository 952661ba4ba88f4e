"""The page of ``memopickle report``: one HTML file that needs nothing else, with every name in it escaped."""
