"""A seeded fuzzer: official files of all five boards, spoilt, and odd environments; every case ends well or in a line.

A case is its number: ``python -m tests.fuzz --first 4711 --cases 1`` runs it again and keeps its files.
"""
