"""The versions of a store that is served, each a revision in ``versions``; ``serve`` brings a store to the newest."""
