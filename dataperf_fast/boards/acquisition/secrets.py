"""What is secret of the acquisition board: the rows that sellers sell, but for the few that they show."""

from __future__ import annotations

from pathlib import Path

from dataperf_fast.boards.acquisition import files
from dataperf_fast.boards.acquisition.market import open_market
from dataperf_fast.boards.secrets import Secret
from dataperf_fast.files import csv_tables


def find(data: Path) -> list[Secret]:
    """Each market's sellers' tables, as they are kept since they were first parsed; a seller's samples are public."""
    found = []
    for market in files.find_markets(data):
        samples = [seller.samples for seller in open_market(data, market.number).sellers]
        tables = files.read_sellers(market, csv_tables.default_folder())
        for table in tables:
            what = f"a row of seller {table.path.stem} of market {market.number}"
            found.append(Secret(what, whole=[table.path], rows=[table.features], public=samples))
    return found
