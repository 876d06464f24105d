"""An HTTP handler in Python that calls the greeter, and answers by the typed error where the call fails."""

import time

from componentize_py_types import Err, Ok
from wit_world import exports
from wit_world.imports import api as greeter
from wit_world.imports.steadfast_rpc_types import Cause, Delivery, RpcError
from wit_world.imports.wasi_http_types import Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam

ATTEMPTS = 3
STATUS = {Cause.NO_TARGET: 503, Cause.DISCONNECTED: 503, Cause.OVERLOADED: 503, Cause.TIMEOUT: 504}


class IncomingHandler(exports.IncomingHandler):
    def handle(self, request: IncomingRequest, response_out: ResponseOutparam) -> None:
        name = (request.path_with_query() or "/").lstrip("/")
        try:
            respond(response_out, 200, [], greet(name))
        except Err as error:
            failed: RpcError = error.value
            # `failed.message` is for the log: it may name addresses.
            print(failed)
            headers = []
            if failed.retry_after is not None:
                headers.append(("retry-after", str(-(-failed.retry_after // 1_000_000_000)).encode()))
            text = f"{word(failed.cause)}, {word(failed.delivery)}"
            respond(response_out, STATUS.get(failed.cause, 502), headers, text)


def greet(name: str) -> str:
    """Repeats what was certainly not sent, unless the greeter asks for time. Anything else may have happened already."""
    for attempt in range(1, ATTEMPTS):
        try:
            return greeter.greet(name)
        except Err as error:
            if error.value.delivery != Delivery.NOT_SENT or error.value.retry_after is not None:
                raise
            time.sleep(0.05 * attempt)
    return greeter.greet(name)


def word(case: Cause | Delivery) -> str:
    """A case as the WIT has it."""
    return case.name.lower().replace("_", "-")


def respond(response_out: ResponseOutparam, status: int, headers: list[tuple[str, bytes]], text: str) -> None:
    response = OutgoingResponse(Fields.from_list(headers))
    response.set_status_code(status)
    body = response.body()
    ResponseOutparam.set(response_out, Ok(response))
    with body.write() as stream:
        stream.blocking_write_and_flush(f"{text}\n".encode())
    OutgoingBody.finish(body, None)
