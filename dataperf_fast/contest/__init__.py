"""The organizer's day: a manifest of boards, hidden tasks and submissions; every pair scored, kept and ranked."""
