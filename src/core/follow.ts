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
    returned = promised(fn());
  } catch (thrown) {
    returned = Promise.reject(thrown);
  }
  return returned.then(onValue, onError);
}

/** A promise of the language's own for whatever a function returned. */
export function promised<T>(returned: T | PromiseLike<T>): Promise<T> {
  const promise = Promise.resolve(returned);
  return promise.then === then ? promise : adopt(promise);
}

function adopt<T>(thenable: PromiseLike<T>): Promise<T> {
  return new Promise((resolve, reject) => thenable.then(resolve, reject));
}
