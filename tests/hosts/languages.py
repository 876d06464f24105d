"""Runs the examples in Python and JavaScript on `steadfast serve` and `steadfast sim`, breaks their greeter, and prints a
table.

    languages.py STEADFAST GREETER.wasm COMPONENT.wasm...

Exits with 1 where a row is not as expected.
"""

import json
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


# In simulated time: calls that fail by chance, answers that are lost, and a second without the greeter. Both components try
# three times what was not sent, after 50 and 100 ms. So nothing runs twice, they are well when the greeter is, and the
# simulation finds what they lack: their waits are too short for an outage.
SCENARIO = f"""
manifest = "hello.toml"
[traffic]
requests-per-second = 5
duration = "20s"
paths = [{{ path = "/Ada" }}]
[[weather]]
on = "{GREETER}"
kind = "no-target"
rate = "10%"
until = "10s"
[[weather]]
on = "{GREETER}"
kind = "drop"
first = 2
from = "5s"
until = "10s"
[[weather]]
on = "{GREETER}"
kind = "no-target"
from = "15s"
until = "16s"
[expect]
success = "99%"
recovers-within = "0s"
[[expect.calls]]
to = "{GREETER}"
executions-per-request = 1
"""
PROPERTIES = ["success not held", "recovery held", f"executions of {GREETER} for one request held"]


def simulate(rows, steadfast, component, folder):
    """Rows of what holds in simulated time, with the figure."""
    (folder / "scenario.toml").write_text(SCENARIO)
    command = [steadfast, "sim", "scenario.toml", "--json", "out.json"]
    subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL)
    properties = json.loads((folder / "out.json").read_text())["runs"][0]["properties"]
    for expected, one in zip(PROPERTIES, properties, strict=True):
        seen = f"{one['name']} {'held' if one['held'] else 'not held'}"
        rows.check(component.stem, f"simulated: {one['found']}", expected, seen)


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
            simulate(rows, steadfast, component, manifest.parent)
    rows.end()


main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve(), [Path(path).resolve() for path in sys.argv[3:]])
