"""Starts hosts, asks them, and prints a table of what they did."""

import contextlib
import http.client
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# As long as a busy machine may take to compile a component of 20 MB.
START = 180


class Rows:
    """The table: each row is printed as soon as it is known."""

    def __init__(self):
        self.wrong = 0

    def check(self, host, what, expected, seen):
        right = seen == expected
        self.wrong += not right
        print(f"{'ok   ' if right else 'WRONG'}  {host:<16} {what:<46} {text(seen)}", flush=True)
        if not right:
            print(f"{'':<24}{'expected':<46} {text(expected)}", flush=True)

    def end(self):
        """Ends the process: with 1 where a row was wrong."""
        sys.exit(f"{self.wrong} rows are not as expected" if self.wrong else 0)

    def skip(self, host, why):
        print(f"skip   {host:<16} {why}", flush=True)


def text(seen):
    """A cell: a text, yes or no, or an answer and how many calls it took."""
    match seen:
        case bool():
            return "yes" if seen else "no"
        case (answer, calls):
            return f"{answer}, {calls} calls"
    return seen


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Server:
    """A host that serves HTTP, and what it printed."""

    def __init__(self, port, process, log):
        self.port, self.process, self.log = port, process, log

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", path)
        response = connection.getresponse()
        return response, response.read().decode()

    def answer(self, path):
        """The answer as a row has it, and how many calls the greeter got for it."""
        before = self.calls()
        response, body = self.get(path)
        kind = response.getheader("content-type", "")
        if kind == "application/problem+json":
            body = body.split('"urn:problem-type:steadfast:')[1].split('"')[0]
        elif kind.startswith("text/html"):
            body = "with a page of the host"
        return f"{response.status} {body}".strip(), self.calls() - before

    def opened(self, path="/strict/down"):
        """Whether the breaker opens: two requests are enough for one instance, and a few more for some."""
        answers = (self.answer(path) for _ in range(6))
        return ("503 breaker-open", 0) in answers

    def ended_by(self, path):
        """Whether the process ends instead of answering."""
        try:
            return self.answer(path)
        except ConnectionError:
            return self.process.wait(timeout=30) != 0

    def is_up(self, ready, says):
        try:
            if ready:
                self.get(ready)
            else:
                socket.create_connection(("127.0.0.1", self.port)).close()
        except OSError:
            return False
        return not says or self.lines(says) > 0

    def calls(self):
        return self.lines("called: ")

    def lines(self, what):
        return sum(what in line for line in self.log.read_text(errors="replace").splitlines())


@contextlib.contextmanager
def serving(command, port, ready="/", says="", folder=None):
    """Starts a host in a folder, and ends it. It is up when it answers the path `ready`, or where there is none, when it
    listens, and when it printed what it `says`."""
    with tempfile.TemporaryDirectory() as logs:
        log = Path(logs) / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output, cwd=folder)
        server = Server(port, process, log)
        try:
            until = time.monotonic() + START
            while not server.is_up(ready, says):
                if process.poll() is not None or time.monotonic() > until:
                    sys.exit(f"{command[0]} does not serve:\n{log.read_text(errors='replace')}")
                time.sleep(0.05)
            yield server
        finally:
            process.terminate()
            process.wait()
