import { expect, test } from "vitest";
import { z } from "zod";
import { ConfigError, parseConfig, serviceConfig } from "../src/config.js";

const fields = {
  ...serviceConfig,
  SECRET: z.string().min(32, "must have at least 32 characters"),
  KEY: z.string().optional(),
};
const good = { PORT: "3000", SERVICE_NAME: "order-service", SECRET: "x".repeat(32) };

function problem(env: NodeJS.ProcessEnv): string {
  try {
    parseConfig(fields, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
  }
  throw new Error("this should have been refused");
}

test("reads and fills in", () => {
  expect(parseConfig(fields, good)).toEqual({ ...good, PORT: 3000, NODE_ENV: "production", LOG_LEVEL: "info" });
});

test("empty means not set", () => {
  expect(parseConfig(fields, { ...good, KEY: "", LOG_LEVEL: "" })).toMatchObject({ LOG_LEVEL: "info" });
  expect(problem({ ...good, SERVICE_NAME: "" })).toContain("SERVICE_NAME: is not set");
});

test("names every problem at once", () => {
  const message = problem({ PORT: "0", SECRET: "short" });
  expect(message).toMatch(/PORT: .*\n.*SERVICE_NAME: is not set\n.*SECRET: must have at least 32 characters/);
});

test("never shows a value: it may be a secret", () => {
  expect(problem({ ...good, SECRET: "hunter2", LOG_LEVEL: "hunter2" })).not.toContain("hunter2");
});
