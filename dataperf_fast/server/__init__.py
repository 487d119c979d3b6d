"""The contest server: people hand in over the web, one dispatcher scores, pages are served as they change.

It stands on the rooms below: the manifest says what a contest is, its planner what is left to score, its store what was
scored, and its pages are those of ``leaderboard``.
"""
