"""Notifications reach a real mail server; what a message says cannot become a part of its template."""

import asyncio
import socketserver
import threading
from collections.abc import Iterator

import pytest

from deployments.notify import mail_block, webhook_block
from tasks.store.errors import UsageError
from tests.deployments.registered import Receiver


class Mailbox(socketserver.StreamRequestHandler):
    """Enough of SMTP to take a message."""

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        for line in self.rfile:
            if line.upper().startswith(b"DATA"):
                self.wfile.write(b"354 go on\r\n")
                message = b"".join(iter(self.rfile.readline, b".\r\n"))
                self.server.got.append(message.decode())  # type: ignore[attr-defined]
            self.wfile.write(b"250 fine\r\n")


@pytest.fixture
def mailbox() -> Iterator[socketserver.ThreadingTCPServer]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mailbox) as server:
        server.got = []  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_mail_block__reaches_a_mail_server(mailbox: socketserver.ThreadingTCPServer) -> None:
    address = f"mailto://127.0.0.1:{mailbox.server_address[1]}?from=winnow@example.org&to=ops@example.org"
    asyncio.run(mail_block("MAIL", address).anotify("b-1 is held", "winnow pets: a gate holds"))
    assert "Subject: winnow pets: a gate holds" in mailbox.got[0]  # type: ignore[attr-defined]
    assert "To: ops@example.org" in mailbox.got[0]  # type: ignore[attr-defined]


def test_mail_block__another_address_is_refused() -> None:
    with pytest.raises(UsageError, match="MAIL holds no mail address"):
        mail_block("MAIL", "https://example.org")


def test_webhook_block__hostile_names_are_no_template(receiver: Receiver) -> None:
    block = webhook_block("pets", f"{receiver.address}?token=secret")
    asyncio.run(block.anotify('{{address}} {{subject}} "}', "{{ address }}"))
    assert receiver.got == [{"subject": "{{ address }}", "text": '{{address}} {{subject}} "}'}]
