"""What open pages are told: by everybody who listens, whoever else goes while he waits."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from dataperf_fast.server import live


@pytest.fixture
def teller(monkeypatch):
    """One that has nothing to look at: a test says what has changed."""
    monkeypatch.setattr(live, "_SAYS_EVERY", 0.02)
    return live.Teller(SimpleNamespace())


async def listening(teller, heard: list[str]) -> None:
    async for event in await teller.listen():
        heard.append(event)


def test_whoever_goes_while_others_wait_takes_nothing_with_him(teller):
    """All come back from waiting at once, and at that moment half of them go."""

    async def run() -> list[list[str]]:
        heard: list[list[str]] = [[] for _ in range(100)]
        tasks = [asyncio.create_task(listening(teller, of)) for of in heard]
        for turn in range(40):
            await asyncio.sleep(0.0201 if turn % 2 else 0.0199)
            for task in tasks[turn * 2 : turn * 2 + 2]:
                task.cancel()
        teller._tell('{"boards": 7}')
        await asyncio.sleep(0.1)
        teller._end()
        ended = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)
        assert [type(one) for one in ended[:80]] == [asyncio.CancelledError] * 80
        assert ended[80:] == [None] * 20
        return heard[80:]

    for heard in asyncio.run(run()):
        assert heard[0] == "data: \n\n"
        assert 'data: {"boards": 7}\n\n' in heard
        assert heard.count(": here\n\n") >= 10
    assert teller._listening == 0
