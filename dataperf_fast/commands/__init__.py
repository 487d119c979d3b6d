"""A file a command, with ``EXAMPLE``, ``add`` its arguments and ``run``: it parses, calls public functions, prints."""
