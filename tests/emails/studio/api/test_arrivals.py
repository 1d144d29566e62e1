"""The webhook of the inbox: told of each mail once, and never waited for."""

import http.server
import json
import queue
import threading
import time
from collections.abc import Iterator

import pytest

from keyturn.emails.inbox.boxes import Boxes, NamedBox
from keyturn.emails.inbox.store import CapturedMails
from keyturn.emails.studio.api.arrivals import ArrivalReports


class Receiver(http.server.ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.got: queue.Queue[dict[str, object]] = queue.Queue()
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.status = 204


class Answering(http.server.BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        self.server.got.put(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.server.may_answer.wait(10)
        self.send_response(self.server.status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.may_answer.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def boxes() -> Boxes:
    return Boxes(CapturedMails(), {"shop": NamedBox(mails=CapturedMails(), password="shop's own")})


def test_each_mail_is_reported_with_its_inbox(receiver: Receiver, boxes: Boxes) -> None:
    with ArrivalReports(f"http://127.0.0.1:{receiver.server_port}/", boxes).running():
        one = boxes.usual.add(b"Subject: One\r\n\r\nHello")
        boxes.of_user("shop").add(b"Subject: Two\r\n\r\nHello")
        first, second = receiver.got.get(timeout=10), receiver.got.get(timeout=10)
    assert (first["ID"], first["Subject"], first["Inbox"]) == (one, "One", "")
    assert (second["Subject"], second["Inbox"]) == ("Two", "shop")
    assert receiver.got.empty()


@pytest.mark.parametrize("status", [500, 302])
def test_an_answer_that_is_no_success_delays_no_later_report(receiver: Receiver, boxes: Boxes, status: int) -> None:
    receiver.status = status
    with ArrivalReports(f"http://127.0.0.1:{receiver.server_port}/", boxes).running():
        boxes.usual.add(b"Subject: One\r\n\r\nHello")
        boxes.usual.add(b"Subject: Two\r\n\r\nHello")
        assert [receiver.got.get(timeout=10)["Subject"] for _ in range(2)] == ["One", "Two"]


def test_a_receiver_that_does_not_answer_holds_up_no_mail(receiver: Receiver, boxes: Boxes) -> None:
    receiver.may_answer.clear()
    with ArrivalReports(f"http://127.0.0.1:{receiver.server_port}/", boxes).running():
        begun = time.monotonic()
        for number in range(20):
            boxes.usual.add(f"Subject: {number}\r\n\r\nHello".encode())
        assert time.monotonic() - begun < 5
        receiver.may_answer.set()


def test_without_a_receiver_mails_are_kept_all_the_same(boxes: Boxes) -> None:
    with ArrivalReports("http://127.0.0.1:1/", boxes).running():
        boxes.usual.add(b"Subject: One\r\n\r\nHello")
    assert boxes.kept == 1
