import { expect, test } from "vitest";
import { fail, failTimes, succeed, watch } from "../support/breaker.ts";

test("call() passes the value through while closed", async () => {
  const { breaker, told } = watch();
  await expect(breaker.call(succeed)).resolves.toBe("value");
  expect(breaker.state).toBe("closed");
  expect(told()).toEqual(["success"]);
});

test("call() opens at failureThreshold consecutive failures", async () => {
  const { breaker, last } = watch({ failureThreshold: 3 });
  await failTimes(breaker, 2);
  expect(breaker.state).toBe("closed");
  await breaker.execute(fail);
  expect(breaker.state).toBe("open");
  expect(last("circuit.open")).toMatchObject({ reason: "error", rule: "consecutive", threshold: 3 });
});
