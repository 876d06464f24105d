// An HTTP handler in JavaScript that calls the greeter, and answers by the typed error where the call fails.

import { greet as call } from 'acme:greeter/api@0.1.0';
import { subscribeDuration } from 'wasi:clocks/monotonic-clock@0.2.10';

const ATTEMPTS = 3;
const STATUS = { 'no-target': 503, disconnected: 503, overloaded: 503, timeout: 504 };

addEventListener('fetch', (event) => event.respondWith(handle(event.request)));

function handle(request) {
  const name = new URL(request.url).pathname.slice(1);
  try {
    return new Response(`${greet(name)}\n`);
  } catch (error) {
    const failed = error.payload;
    // `failed.message` is for the log: it may name addresses.
    console.log(failed.target, failed.cause, failed.delivery, failed.message);
    const headers = {};
    if (failed.retryAfter !== undefined) {
      headers['retry-after'] = String(Math.ceil(Number(failed.retryAfter) / 1e9));
    }
    return new Response(`${failed.cause}, ${failed.delivery}\n`, { status: STATUS[failed.cause] ?? 502, headers });
  }
}

// Repeats what was certainly not sent, unless the greeter asks for time. Anything else may have happened already.
function greet(name) {
  for (let attempt = 1; attempt < ATTEMPTS; attempt += 1) {
    try {
      return call(name);
    } catch (error) {
      const { delivery, retryAfter } = error.payload;
      if (delivery !== 'not-sent' || retryAfter !== undefined) throw error;
      // Not `setTimeout`: componentize-js 0.23 now and then ends its event loop before such a request is answered.
      subscribeDuration(BigInt(50_000_000 * attempt)).block();
    }
  }
  return call(name);
}
