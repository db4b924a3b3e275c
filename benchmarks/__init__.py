"""How fast the API is, as ratios to a bare WSGI function in the same run."""
