// A counter in JavaScript that always fails, with the typed error of steadfast:rpc. As a module, and as a component.

export function count() {
  console.error('called: count');
  throw {
    cause: 'no-target',
    delivery: 'not-sent',
    retryAfter: undefined,
    target: 'test:guests/hostile#count',
    message: 'this counter never counts',
  };
}

export const hostile = { count };
