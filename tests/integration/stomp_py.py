"""python3-stomp, a second and independent client, over TCP: what tests/integration/stomp_py_test.mjs
runs against a server that it has started. PLUGBOARD_PORT is the server's TCP port,
PLUGBOARD_HEARTBEAT its interval for heart-beats, PLUGBOARD_WAIT how long to wait for what must come,
both in milliseconds."""

import os
import threading
import time
import unittest

import stomp
from stomp.exception import ConnectFailedException

PORT = int(os.environ["PLUGBOARD_PORT"])
INTERVAL = int(os.environ["PLUGBOARD_HEARTBEAT"])
WAIT = int(os.environ["PLUGBOARD_WAIT"]) / 1000
CONNECTIONS = {"1.0": stomp.Connection10, "1.1": stomp.Connection11, "1.2": stomp.Connection12}


class Recorder(stomp.ConnectionListener):
    """Keeps what arrives, so that a test can wait for it."""

    def __init__(self):
        self.changed = threading.Condition()
        self.frames = []
        self.heartbeats = 0
        self.disconnected = False
        self.timed_out = False

    def _add(self, frame):
        with self.changed:
            self.frames.append(frame)
            self.changed.notify_all()

    def on_connected(self, frame):
        self._add(frame)

    def on_message(self, frame):
        self._add(frame)

    def on_receipt(self, frame):
        self._add(frame)

    def on_error(self, frame):
        self._add(frame)

    def on_heartbeat(self):
        with self.changed:
            self.heartbeats += 1
            self.changed.notify_all()

    def on_heartbeat_timeout(self):
        self.timed_out = True

    def on_disconnected(self):
        with self.changed:
            self.disconnected = True
            self.changed.notify_all()

    def wait(self, what, condition):
        with self.changed:
            if not self.changed.wait_for(condition, WAIT):
                raise AssertionError(f"{what} did not come: {[(f.cmd, f.headers) for f in self.frames]}")

    def take(self, command, n=1):
        found = lambda: [f for f in self.frames if f.cmd == command]
        self.wait(f"{n} {command}", lambda: len(found()) >= n)
        return found()

    def receipt(self, receipt):
        self.wait(f"receipt {receipt}", lambda: any(
            f.cmd == "RECEIPT" and f.headers["receipt-id"] == receipt for f in self.frames))

    def bodies(self):
        return [f.body for f in self.frames if f.cmd == "MESSAGE"]


class StompTest(unittest.TestCase):
    def connect(self, version="1.2", heartbeats=(0, 0), auto_decode=True):
        keywords = {} if version == "1.0" else {"heartbeats": heartbeats}
        connection = CONNECTIONS[version]([("127.0.0.1", PORT)], auto_decode=auto_decode,
                                          reconnect_attempts_max=1, **keywords)
        recorder = Recorder()
        connection.set_listener("recorder", recorder)
        connection.connect(wait=True)
        self.addCleanup(self.leave, connection)
        connection.recorder = recorder
        return connection

    @staticmethod
    def leave(connection):
        if connection.is_connected():
            connection.disconnect()

    def subscribe(self, connection, destination, id="1", ack="auto"):
        receipt = f"subscribed-{id}"
        connection.subscribe(destination, id=id, ack=ack, headers={"receipt": receipt})
        connection.recorder.receipt(receipt)

    def test_connects_in_each_version(self):
        for version in CONNECTIONS:
            with self.subTest(version=version):
                connection = self.connect(version)
                headers = connection.recorder.take("CONNECTED")[0].headers
                self.assertEqual(headers["version"], version)
                self.assertTrue(headers["server"].startswith("plugboard/"))

    def test_messages_and_receipts_in_each_version(self):
        for version in CONNECTIONS:
            with self.subTest(version=version):
                connection = self.connect(version)
                topic = f"/topic/py-{version}"
                self.subscribe(connection, topic)
                connection.send(topic, "grüße €", content_type="text/plain", headers={"k": "v"}, receipt="sent")
                connection.recorder.receipt("sent")
                message = connection.recorder.take("MESSAGE")[0]
                self.assertEqual(message.body, "grüße €")
                self.assertEqual(message.headers["destination"], topic)
                self.assertEqual(message.headers["content-type"], "text/plain")
                self.assertEqual(message.headers["k"], "v")
                self.assertNotIn("receipt", message.headers)

    def test_headers_are_escaped(self):
        for version, value in (("1.1", "a:b\\c\nd"), ("1.2", "a:b\\d\nd\re")):
            with self.subTest(version=version):
                connection = self.connect(version)
                topic = f"/topic/py-escape-{version}"
                self.subscribe(connection, topic)
                connection.send(topic, "x", headers={"k": value})
                self.assertEqual(connection.recorder.take("MESSAGE")[0].headers["k"], value)

    def test_binary_bodies(self):
        connection = self.connect(auto_decode=False)
        self.subscribe(connection, "/topic/py-binary")
        body = bytes(range(256)) * 100
        connection.send("/topic/py-binary", body)
        self.assertEqual(connection.recorder.take("MESSAGE")[0].body, body)

    def test_unsubscribe(self):
        connection = self.connect()
        self.subscribe(connection, "/topic/py-unsubscribe")
        connection.send("/topic/py-unsubscribe", "before")
        connection.recorder.take("MESSAGE")
        connection.unsubscribe("1", headers={"receipt": "gone"})
        connection.recorder.receipt("gone")
        connection.send("/topic/py-unsubscribe", "after", receipt="sent")
        connection.recorder.receipt("sent")
        time.sleep(0.1)
        self.assertEqual(connection.recorder.bodies(), ["before"])

    def test_transactions(self):
        connection, other = self.connect(), self.connect()
        self.subscribe(other, "/topic/py-transaction")
        kept, lost = connection.begin(), connection.begin()
        connection.send("/topic/py-transaction", "kept", transaction=kept)
        connection.send("/topic/py-transaction", "lost", transaction=lost)
        connection.send("/topic/py-transaction", "direct", receipt="direct")
        connection.recorder.receipt("direct")
        other.recorder.take("MESSAGE")
        connection.abort(lost)
        connection.commit(kept, headers={"receipt": "committed"})
        connection.recorder.receipt("committed")
        other.recorder.take("MESSAGE", 2)
        self.assertEqual(other.recorder.bodies(), ["direct", "kept"])

    def test_ack_and_nack_in_each_version(self):
        # The server allows four open deliveries: ten show that they were acknowledged.
        for version in CONNECTIONS:
            with self.subTest(version=version):
                connection = self.connect(version)
                topic = f"/topic/py-ack-{version}"
                self.subscribe(connection, topic, ack="client-individual" if version != "1.0" else "client")
                for i in range(1, 11):
                    connection.send(topic, str(i))
                    headers = connection.recorder.take("MESSAGE", i)[i - 1].headers
                    answer = connection.nack if version != "1.0" and i % 2 else connection.ack
                    receipt = {"receipt": f"ack-{i}"}
                    if version == "1.2":
                        answer(headers["ack"], **receipt)
                    elif version == "1.1":
                        answer(headers["message-id"], headers["subscription"], **receipt)
                    else:
                        answer(headers["message-id"], **receipt)
                    connection.recorder.receipt(f"ack-{i}")
                self.assertTrue(connection.is_connected())

    def test_disconnect_is_confirmed(self):
        for version in CONNECTIONS:
            with self.subTest(version=version):
                connection = self.connect(version)
                connection.disconnect(receipt="bye")
                connection.recorder.wait("the end", lambda: connection.recorder.disconnected)
                connection.recorder.receipt("bye")
                self.assertFalse(connection.is_connected())

    def test_error_and_end(self):
        connection = self.connect()
        connection.send("/nowhere", "x", receipt="r")
        error = connection.recorder.take("ERROR")[0]
        self.assertIn("outside every prefix", error.headers["message"])
        self.assertEqual(error.headers["receipt-id"], "r")
        connection.recorder.wait("the end", lambda: connection.recorder.disconnected)

    def test_heartbeats_keep_the_connection(self):
        connection = self.connect("1.2", heartbeats=(INTERVAL, INTERVAL))
        time.sleep(INTERVAL * 4 / 1000)
        self.assertTrue(connection.is_connected())
        self.assertFalse(connection.recorder.timed_out)
        self.assertGreaterEqual(connection.recorder.heartbeats, 2)

    def test_many_messages_in_order(self):
        connection, other = self.connect(), self.connect("1.1")
        self.subscribe(other, "/topic/py-many")
        n = 2000
        for i in range(n):
            connection.send("/topic/py-many", str(i))
        other.recorder.take("MESSAGE", n)
        self.assertEqual(other.recorder.bodies(), [str(i) for i in range(n)])

    def test_nobody_listens_elsewhere(self):
        # That the tests above talk to the server and not to a mock.
        connection = stomp.Connection12([("127.0.0.1", 1)], reconnect_attempts_max=1, reconnect_sleep_initial=0)
        with self.assertRaises(ConnectFailedException):
            connection.connect(wait=True)


if __name__ == "__main__":
    unittest.main(verbosity=2)
