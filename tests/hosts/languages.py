"""Runs the examples in Python and JavaScript on `steadfast serve`, breaks their greeter, and prints a table.

    languages.py STEADFAST GREETER.wasm COMPONENT.wasm...

Exits with 1 where a row is not as expected.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from table import Rows, free_port, serving

GREETER = "acme:greeter/api"
FAILED = f'call="{GREETER}#greet"'
# What is on the way to the greeter, what a client gets, and how many calls it takes.
FAILURES = [
    ("nothing", [], "200 Hello, Ada!", 1),
    ("no target for two calls", ["no-target", "--first", "2"], "200 Hello, Ada!", 3),
    ("no target", ["no-target"], "503 no-target, not-sent", 3),
    ("no connection", ["disconnected"], "503 disconnected, not-sent", 3),
    ("overloaded", ["overloaded", "--retry-after", "1500ms"], "503 overloaded, not-sent, retry after 2", 1),
    ("a lost call", ["blackhole"], "504 timeout, unknown", 1),
    ("a greeter that dies", ["trap"], "502 trapped, delivered", 1),
]


def main(steadfast, greeter, components):
    rows = Rows()
    for component in components:
        with tempfile.TemporaryDirectory() as folder:
            manifest, port, admin = Path(folder) / "hello.toml", free_port(), f"127.0.0.1:{free_port()}"
            links = f'"{GREETER}" = {{ component = "{greeter}" }}'
            manifest.write_text(f'component = "{component}"\n[links]\n{links}\n')
            command = [steadfast, "serve", "--manifest", manifest, "--listen", f"127.0.0.1:{port}"]

            def fault(*arguments):
                subprocess.run([steadfast, "fault", "--admin", admin, *arguments], check=True, stdout=subprocess.DEVNULL)

            with serving([*command, "--admin", admin, "--admin-faults"], port, ready=None) as server:
                for what, broken, expected, calls in FAILURES:
                    if broken:
                        kind, *options = broken
                        fault("on", kind, GREETER, *options)
                    failed = server.lines(FAILED)
                    response, body = server.get("/Ada")
                    again = response.getheader("retry-after")
                    seen = f"{response.status} {body.strip()}" + (f", retry after {again}" if again else "")
                    # The log has the calls that failed; one more did not where there is a greeting.
                    made = server.lines(FAILED) - failed + seen.startswith("200")
                    rows.check(component.stem, what, (expected, calls), (seen, made))
                    if broken:
                        fault("off")
    rows.end()


main(sys.argv[1], Path(sys.argv[2]).resolve(), [Path(path).resolve() for path in sys.argv[3:]])
