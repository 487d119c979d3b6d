"""What others are told: signed, once for each that happened, and again where it did not arrive."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

from dataperf_fast.server import schema, webhooks
from tests.server.servers import ALWAYS, BOARD, contest, order, served


@contextmanager
def listening(answers: list[int]):
    """Somebody who answers so, the last one for ever; yields his port and what he heard."""
    heard = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.append((self.headers[webhooks.SIGNATURE], body))
            self.send_response(answers.pop(0) if len(answers) > 1 else answers[0])
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, args=[0.05])
    thread.start()
    try:
        yield server.server_port, heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_what_happens_is_told_and_told_again(tmp_path, monkeypatch):
    monkeypatch.setenv("WORD", "a word")
    with listening([500, 200]) as (port, heard):
        hook = {"url": f"http://127.0.0.1:{port}/", "secret": "env:WORD"}
        path = contest(tmp_path, [ALWAYS | {"hidden": "shown"}], server={"webhooks": [hook]})
        with served(path) as server:
            database = server.dispatcher.database
            server.visitor("anna").hand_in(order(path, 1))
            of = {"board": "debugging", "model": "knn", "submission": "anna/000001"}
            with monkeypatch.context() as broken:
                broken.setattr(database.store, "failures", lambda _: [of])
                server.dispatcher._settle()
                server.dispatcher._settle()
            server.turn()
            server.turn()
            webhooks.deliver(server.dispatcher.contest, database)
            with database.writing() as connection:
                connection.execute(schema.deliveries.update().values(due=0.0))
            webhooks.deliver(server.dispatcher.contest, database)
            webhooks.deliver(server.dispatcher.contest, database)
    told = [json.loads(body) for _, body in heard]
    first, again = told[:3], told[3:]
    assert again == [told[0]]  # what was refused, with its number, by which a receiver knows it
    of = {one["event"]: one for one in first}
    assert set(of) == {"failed", "scored", "best"}
    assert len({one["id"] for one in first}) == 3
    assert (of["best"]["board"], of["best"]["team"], of["best"]["submission"]) == (BOARD, "anna", "anna/000001")
    assert all(signed == webhooks.signature("a word", body) for signed, body in heard)
