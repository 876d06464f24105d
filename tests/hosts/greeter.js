// A greeter in JavaScript that fails by the name that it is to greet, with the typed error of steadfast:rpc.
// `jco` takes it as a module, `componentize-js` makes a component of it.

const seen = {};

export function greet(name) {
  seen[name] = (seen[name] ?? 0) + 1;
  console.error(`called: greet ${name}`);
  if (name === 'down' || (name === 'starting' && seen[name] <= 2)) {
    throw {
      cause: 'no-target',
      delivery: 'not-sent',
      retryAfter: undefined,
      target: 'acme:greeter/api#greet',
      message: 'this greeter is down by its name',
    };
  }
  if (name === 'trap') {
    throw new Error('this greeter traps by its name');
  }
  return `Hello, ${name}!`;
}

export const api = { greet };
