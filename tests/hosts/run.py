"""Runs components of this repository on hosts that others wrote, and prints a table of what they did.

`scripts/test-hosts` builds the components, installs the hosts, and calls this with their paths in the environment.
Exits with 1 where a row is not as expected.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from table import START, Rows, free_port, serving

HERE = Path(__file__).parent
COMPONENTS = Path(os.environ["COMPONENTS"])
GREETER = "acme:greeter/api@0.1.0"
COUNTER = "test:guests/hostile@0.1.0"
# Three attempts, where the code says two. Without a comma, at which `wasmtime serve` splits.
CONFIG = "[policies.hostile]\nretry = { attempts = 3 }\n"


def refused(command, what, folder=None):
    """What a host says of a component that it does not start; it has to end by itself, and to name what it lacks."""
    ended = subprocess.run(command, capture_output=True, text=True, timeout=START, cwd=folder)
    said = what if what in ended.stderr else ended.stderr
    return f"refused at start: {said}" if ended.returncode else "it ended as if all were well"


def jco(rows, jco):
    host = "jco " + subprocess.run([jco, "--version"], capture_output=True, text=True, check=True).stdout.strip()

    def serve(component, *options):
        port = free_port()
        return serving([jco, "serve", component, "--host", "127.0.0.1", "--port", str(port), *options], port)

    with serve(COMPONENTS / "composed.wasm") as server:
        rows.check(host, "composed", "200 Hello, Ada!", server.answer("/hello/Ada")[0])
    with serve(COMPONENTS / "http_hello.wasm", "--jco-map", f"{GREETER}={HERE / 'greeter.js'}") as server:
        failures(rows, host, "a greeter in JavaScript", server)
        rows.check(host, "one instance for all: the breaker opens", True, server.opened())
    with serve(COMPONENTS / "http_hello.wasm", "--jco-map", f"{GREETER}={HERE / 'greeter.js'}") as server:
        rows.check(host, "the greeter traps: the process ends", True, server.ended_by("/hello/trap"))
    counter, config = HERE / "counter.js", HERE / "config.js"
    maps = ["--jco-map", f"{COUNTER}={counter}", "--jco-map", f"wasi:config/store@0.2.0-rc.1={config}"]
    with serve(COMPONENTS / "named.wasm", *maps) as server:
        configured(rows, host, server)


def failures(rows, host, what, server):
    """What policies do about the typed error, until there were eight failures in a row."""
    rows.check(host, what, ("200 Hello, Ada!", 1), server.answer("/strict/Ada"))
    rows.check(host, "fails twice: retried, then fine", ("200 Hello, starting!", 3), server.answer("/strict/starting"))
    rows.check(host, "fails: four attempts, and a problem", ("503 no-target", 4), server.answer("/strict/down"))
    rows.check(host, "fails: four attempts, and a fallback", ("200 Hello, stranger!", 4), server.answer("/hello/down"))


def configured(rows, host, server):
    """What the configuration of the host changes in a policy that has a name."""
    rows.check(host, "configured: three attempts, not two", ("503 no-target", 3), server.answer("/"))


def wasmtime(rows, wasmtime):
    version = subprocess.run([wasmtime, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    host = f"wasmtime {version}"

    def command(component, *options):
        port = free_port()
        return [wasmtime, "serve", "--addr", f"127.0.0.1:{port}", *options, component], port

    with serving(*command(COMPONENTS / "composed.wasm", "-Scli")) as server:
        rows.check(host, "composed, with -Scli", "200 Hello, Ada!", server.answer("/hello/Ada")[0])
    lacks = refused(command(COMPONENTS / "composed.wasm")[0], "wasi:cli/")
    rows.check(host, "without -Scli", "refused at start: wasi:cli/", lacks)
    lacks = refused(command(COMPONENTS / "http_hello.wasm", "-Scli")[0], GREETER)
    rows.check(host, "an import that nothing serves", f"refused at start: {GREETER}", lacks)

    failing = COMPONENTS / "composed-js.wasm"
    with serving(*command(failing, "-Scli")) as server:
        failures(rows, host, "composed with a greeter in JavaScript", server)
        rows.check(host, "an instance for each: no breaker opens", False, server.opened())
        bare = ("500 with a page of the host", 1)
        rows.check(host, "the greeter traps: no fallback is left", bare, server.answer("/hello/trap"))
    with serving(*command(failing, "-Scli", "--max-instance-reuse-count", "100")) as server:
        rows.check(host, "with instances that are reused: it opens", True, server.opened())
    with serving(*command(COMPONENTS / "composed-shared.wasm", "-Scli", "-Sconfig", "-Skeyvalue")) as server:
        rows.check(host, "a shared breaker, by -Skeyvalue: forgotten", False, server.opened("/down"))
    config = ["-Sconfig", f"-Sconfig-var=steadfast={CONFIG}"]
    with serving(*command(COMPONENTS / "composed-named.wasm", "-Scli", *config)) as server:
        configured(rows, host, server)


def wasmcloud(rows, wash):
    version = subprocess.run([wash, "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]
    host = f"wasmCloud {version}"

    @contextlib.contextmanager
    def project(component, address, linked=None, config=None):
        """A folder in which `wash dev` builds nothing, and serves `component`."""
        settings = {
            "build": {"command": "true", "component_path": str(COMPONENTS / component)},
            "dev": {"address": address},
        }
        if linked:
            settings["dev"]["components"] = [{"name": "linked", "file": str(COMPONENTS / linked)}]
        if config:
            settings["workload"] = {"config": {"steadfast": config}}
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / ".wash" / "config.yaml"
            file.parent.mkdir()
            # JSON is YAML.
            file.write_text(json.dumps(settings))
            yield folder

    @contextlib.contextmanager
    def dev(component, **settings):
        port = free_port()
        with project(component, f"127.0.0.1:{port}", **settings) as folder:
            with serving([wash, "dev"], port, says="listening for HTTP requests", folder=folder) as server:
                yield server

    with dev("composed.wasm") as server:
        rows.check(host, "composed", "200 Hello, Ada!", server.answer("/hello/Ada")[0])
    with dev("http_hello.wasm", linked="greeter.wasm") as server:
        rows.check(host, "linked by the platform", "200 Hello, Ada!", server.answer("/hello/Ada")[0])
    with dev("http_hello.wasm", linked="greeter-js.wasm") as server:
        failures(rows, host, "linked with a greeter in JavaScript", server)
        rows.check(host, "the greeter traps: no fallback is left", ("500", 1), server.answer("/hello/trap"))
    with dev("composed-js.wasm") as server:
        failures(rows, host, "composed with a greeter in JavaScript", server)
        rows.check(host, "an instance for each: no breaker opens", False, server.opened())
        rows.check(host, "the greeter traps: no fallback is left", ("500", 1), server.answer("/hello/trap"))
    with dev("composed-shared.wasm") as server:
        rows.check(host, "a shared breaker, by wasi:keyvalue: it opens", True, server.opened("/down"))
    with dev("composed-named.wasm", config=CONFIG) as server:
        configured(rows, host, server)
    with project("http_hello.wasm", f"127.0.0.1:{free_port()}") as folder:
        lacks = refused([wash, "dev"], GREETER, folder)
        rows.check(host, "an import that nothing serves", f"refused at start: {GREETER}", lacks)


def python(rows, modules):
    environment = {**os.environ, "PYTHONPATH": modules}
    ask = "import importlib.metadata as m; print(m.version('wasmtime'))"
    version = subprocess.run([sys.executable, "-c", ask], env=environment, capture_output=True, text=True, check=True)
    host = f"Python {version.stdout.strip()}"
    for failing, what, expected in [
        (0, "a job, its greeter in Python", "ok, 2 calls"),
        (3, "fails three times: retried, then fine", "ok, 5 calls"),
        (9, "fails: six attempts, and the typed error", "no-target, 6 calls"),
    ]:
        command = [sys.executable, HERE / "jobs.py", COMPONENTS / "cron.wasm", str(failing)]
        run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=START)
        rows.check(host, what, expected, run.stdout.splitlines()[-1] if run.returncode == 0 else run.stderr)


def main():
    rows = Rows()
    jco(rows, os.environ["JCO"])
    python(rows, os.environ["WASMTIME_PY"])
    if binary := os.environ.get("WASMTIME"):
        wasmtime(rows, binary)
    else:
        rows.skip("wasmtime", "no `wasmtime` at hand: set WASMTIME to the path of one, of version 48")
    if wash := os.environ.get("WASH"):
        wasmcloud(rows, wash)
    else:
        rows.skip("wasmCloud", "no `wash` at hand: set WASH to the path of one, of version 2.7")
    rows.end()


main()
