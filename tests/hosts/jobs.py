"""Runs the component of examples/cron in Python's `wasmtime`, with a greeter in Python.

    jobs.py CRON.wasm FAILURES

The first FAILURES calls of the greeter fail with the typed error. Prints what the run
returned and how many calls it made.
"""

import sys

import wasmtime
from wasmtime import component

INTERFACE, JOB = "acme:greeter/api@0.1.0", "acme:jobs/job@0.1.0"


def main(path, failures):
    calls = 0

    def greet(_store, name):
        nonlocal calls
        calls += 1
        if calls > failures:
            return f"Hello, {name}!"
        error = component.Record()
        error.cause, error.delivery = "no-target", "not-sent"
        setattr(error, "retry-after", None)
        error.target, error.message = "acme:greeter/api#greet", "this greeter is down for its first calls"
        return error

    engine = wasmtime.Engine()
    linker = component.Linker(engine)
    linker.add_wasip2()
    with linker.root() as root, root.add_instance(INTERFACE) as greeter:
        greeter.add_func("greet", greet)
    store = wasmtime.Store(engine)
    store.set_wasi(wasmtime.WasiConfig())
    job = component.Component.from_file(engine, path)
    instance = linker.instantiate(store, job)
    run = instance.get_func(store, instance.get_export_index(store, "run", instance.get_export_index(store, JOB)))
    failed = run(store)
    print(f"{'ok' if failed is None else failed.cause}, {calls} calls")


main(sys.argv[1], int(sys.argv[2]))
