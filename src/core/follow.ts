const { then } = Promise.prototype;

/**
 * Runs `fn` and attaches the two handlers that settle its call. A throw at once is a rejection; a promise with a `then`
 * of its own is taken like any thenable.
 */
export function follow<T, V, E>(
  fn: () => T | PromiseLike<T>,
  onValue: (value: T) => V,
  onError: (thrown: unknown) => E | PromiseLike<E>,
): Promise<V | E> {
  let returned: Promise<T>;
  try {
    returned = Promise.resolve(fn());
    if (returned.then !== then) returned = adopt(returned);
  } catch (thrown) {
    returned = Promise.reject(thrown);
  }
  return returned.then(onValue, onError);
}

function adopt<T>(thenable: PromiseLike<T>): Promise<T> {
  return new Promise((resolve, reject) => thenable.then(resolve, reject));
}
